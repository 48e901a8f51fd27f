"""A real Chromium, headless, asked over a pipe; nothing of it reaches a network."""

import base64
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # a container's root may not sandbox
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-pipe",
)
# Chromium reads commands from descriptor 3 and answers on 4.
LAUNCHER = """
import os, sys
asks, answers = (os.dup(int(at)) for at in sys.argv[1:3])
os.dup2(asks, 3), os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
SECONDS = 120


class Chromium:
    """One browser; messages are JSON, each closed by a zero byte."""

    def __init__(self, program, profile):
        ours_in, asks = os.pipe()
        answers, ours_out = os.pipe()
        flags = (*FLAGS, f"--user-data-dir={profile}", "about:blank")
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(ours_in), str(ours_out), program, *flags],
            pass_fds=(ours_in, ours_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours_in)
        os.close(ours_out)
        self._asks, self._answers = os.fdopen(asks, "wb", 0), os.fdopen(answers, "rb")
        self._rest, self._number = b"", 0
        self.events = []

    def close(self):
        with suppress(OSError):
            self.ask("Browser.close")
        self._asks.close()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def ask(self, method, session=None, **params):
        self._number += 1
        told = {"id": self._number, "method": method, "params": params}
        if session:
            told["sessionId"] = session
        self._asks.write(json.dumps(told).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._number:
                assert "error" not in said, (method, said["error"])
                return said["result"]
            self.events.append(said)

    def wait_for(self, method, session):
        while True:
            for said in self.events:
                if said.get("method") == method and said.get("sessionId") == session:
                    return
            self.events.append(self._next())

    def _next(self):
        while b"\0" not in self._rest:
            more = os.read(self._answers.fileno(), 1 << 20)
            if not more:
                raise OSError("Chromium has ended")
            self._rest += more
        one, _, self._rest = self._rest.partition(b"\0")
        return json.loads(one)


class Tab:
    """A page that was opened. width: of the window; dark: what the user prefers."""

    def __init__(self, browser, place, *, width=1200, height=900, dark=False, mobile=False):
        self._browser = browser
        self._target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        joined = browser.ask("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = joined["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.navigate", url=place.resolve().as_uri())
        browser.wait_for("Page.loadEventFired", self._session)

    def ask(self, method, **params):
        return self._browser.ask(method, self._session, **params)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._browser.ask("Target.closeTarget", targetId=self._target)

    def run(self, script):
        """What an expression of JavaScript is, whatever the page's own policy says."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key, code):
        for kind in ("rawKeyDown", "char", "keyUp"):
            told = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            if kind == "char" and key != "Enter":
                continue
            told |= {"text": "\r"} if key == "Enter" and kind != "keyUp" else {}
            self.ask("Input.dispatchKeyEvent", **told)

    def errors(self):
        """What its console shows of errors and warnings, the policy's refusals among them."""
        self.run("0")  # what was said until now has come
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [said["params"] for said in self._mine() if said["method"] in kinds]

    def fetched(self):
        """Addresses that it asked for, but for pictures that it holds."""
        asked = [s["params"] for s in self._mine() if s["method"] == "Network.requestWillBeSent"]
        urls = [one["request"]["url"] for one in asked]
        return [url for url in urls if not url.startswith("data:")]

    def _mine(self):
        return [said for said in self._browser.events if said.get("sessionId") == self._session]

    def screenshot(self, place):
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        place.write_bytes(base64.b64decode(data))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Opens pages: `chromium(place, width=390)`. Skipped where there is none, but not in CI."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        said = "no Chromium is installed (apt-get install chromium)"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    browser = Chromium(program, tmp_path_factory.mktemp("chromium"))
    yield lambda place, **how: Tab(browser, place, **how)
    browser.close()
