"""Runs made small, the look at a page's tags, and a real Chromium, headless, asked over a pipe."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from parrot.core.testing.fakes import plain_image

KNOWN = set(
    "html head meta title style body a header h1 h2 h3 h4 nav main section article div p ul ol li dl dt"
    " dd table thead tbody tr th td figure figcaption img svg path rect circle text details summary"
    " strong small span ins del code br".split()
)
ATTRIBUTES = set(
    "lang charset http-equiv content name class href id tabindex role scope aria-label aria-hidden"
    " aria-labelledby src alt width height decoding viewbox preserveaspectratio x y cx cy r d opacity"
    " text-anchor transform".split()
)
DATA_URL = re.compile("data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+")

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
import fcntl, os, sys
asks, answers = (fcntl.fcntl(int(at), fcntl.F_DUPFD, 10) for at in sys.argv[1:3])
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
        self.go(place)

    def go(self, place):
        self._browser.events.clear()
        self.ask("Page.navigate", url=place.resolve().as_uri())
        self._browser.wait_for("Page.loadEventFired", self._session)

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
    """Opens pages: `chromium(place, width=390)`. Where there is none: skipped, but failed in CI."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        said = "no Chromium is installed (apt-get install chromium)"
        needed = any(os.environ.get(name) for name in ("CI", "PARROT_NEEDS_CHROMIUM"))
        pytest.fail(said) if needed else pytest.skip(said)
    browser = Chromium(program, tmp_path_factory.mktemp("chromium"))
    yield lambda place, **how: Tab(browser, place, **how)
    browser.close()


class Tags(HTMLParser):
    """What a page is made of: tags with their attributes, and all of its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def of(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def harmless(page):
    """Its tags, after it was seen that none of them runs, fetches, or styles by itself."""
    found = Tags(page)
    assert {tag for tag, _ in found.tags} <= KNOWN
    for tag, attributes in found.tags:
        assert set(attributes) <= ATTRIBUTES, (tag, attributes)
        if "href" in attributes:
            assert tag == "a"
            assert attributes["href"].startswith("#")
        if "src" in attributes:
            assert tag == "img"
            assert DATA_URL.fullmatch(attributes["src"])
            assert attributes["alt"]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert policies == [
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none';"
        " form-action 'none'"
    ]
    assert page.index("Security-Policy") < page.index("<style>")
    return found


def lines(place, rows):
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))


def picture(folder, name="a", side=24):
    (folder / "images").mkdir(exist_ok=True)
    source = plain_image(9, 8, 7, side=side).source
    (folder / "images" / f"{name}.png").write_bytes(source)
    return f"images/{name}.png"


def refined_run(folder, *, requests=2, drafts=2, word="fox", drawn=True, side=24):
    """A run of refine whose every foreign text holds the word."""
    folder.mkdir(exist_ok=True)
    image = picture(folder, side=side)
    about = {"command": "refine", "generator": "miniature:painter", "critic": word}
    about |= {"policy": {"name": word}, "requests": word, "status": word}
    (folder / "run.json").write_text(json.dumps(about))
    results, trace = [], []
    for n in range(requests):
        result = {"id": f"{word}{n}", "prompt": f"a {word}", "winner": drafts - 1, "reason": word}
        result |= {"reward": 0.9, "first_reward": 0.5, "notes": [word]}
        results.append(result | {"spent": {"drafts": drafts}})
        finding = {"dimension": word, "score": 2.0, "justification": word}
        for number in range(drafts):
            draft = {"id": result["id"], "draft": number, "round": number, "prompt": f"{word} b"}
            draft |= {"image": image, "total": 0.5 + number / 100, "dimensions": {word: 0.5}}
            if not drawn:
                draft |= {"image": None, "not_drawn": {"kind": "timeout", "detail": word}}
            draft |= {"critiques": [{"findings": [finding], "summary": word}]}
            trace.append(draft | {"rewrite": {"request": word, "fault": "lost", "detail": word}})
    lines(folder / "results.jsonl", results)
    lines(folder / "trace.jsonl", trace)
    return folder


def data_run(folder, *, kept=2, dropped=2, failed=2, word="fox", side=24):
    """A run of rationalize whose every foreign text holds the word."""
    folder.mkdir(exist_ok=True)
    image = picture(folder, side=side)
    about = {"schema": 1, "command": "rationalize", "pairs": word, "teacher": word}
    about |= {"images_root": str(folder), "anchored": True, "prompt": word, "status": word}
    (folder / "run.json").write_text(json.dumps(about))

    def rationale(n):
        pair = {"id": f"p{n}", "prompt": word, "image_a": image, "image_b": f"run:{image}"}
        pair |= {"label": "A", "sources": [image] if n % 2 else []}
        finding = {"dimension": f"{word}d", "justification": word, "score_a": 3.0, "score_b": 2.0}
        body = {"analysis": word, "findings": [finding | {"winner": "A"}], "summary": word}
        made = {"teacher": word or "t", "prompt": word or "p", "anchored": True}
        made |= {"order": "BA" if n % 3 else "AB", "sample": 0}
        record = {"schema": 1, "id": f"p{n}/{word}", "pair_id": f"p{n}", "form": "pairwise"}
        record |= {"body": body, "provenance": made, "raw": word, "pair": pair}
        return record | {"verdicts": {f"{word}v": {"verdict": "keep"}}}

    fell = {"filter": word, "reason": word, "detail": word}
    lines(folder / "rationales.jsonl", map(rationale, range(kept)))
    lines(folder / "dropped.jsonl", [rationale(n) | {"_dropped": fell} for n in range(dropped)])
    lost = {"schema": 1, "pair_id": f"p{word}", "stage": f"s{word}", "kind": "cut", "detail": word}
    lines(folder / "failed.jsonl", [lost] * failed)
    asked = kept + dropped + failed
    stage = {"name": word, "came": kept + dropped, "kept": kept, "dropped": dropped}
    stage |= {"undecided": 0, "reasons": {word: dropped}}
    ends = {"kept": kept, "dropped": dropped, "failed": failed}
    funnel = {"pairs": {"in": asked, **ends}, "rationales": {"asked": asked, **ends}}
    (folder / "funnel.json").write_text(json.dumps({**funnel, "filters": [stage]}))
    return folder


def judged(*, word="fox", n=6):
    """Judgements whose every foreign text holds the word: right, wrong, failed."""
    rows = []
    for at in range(n):
        row = {"schema": 1, "pair_id": f"p{at}{word}", "label": "A", "model": f"m{word}"}
        row |= {"order": "AB", "answer": word or None}
        if at % 3 == 2:
            row |= {"failure": {"kind": "cut", "detail": word}}
        else:
            row |= {"winner": "AB"[at % 3], "score_a": 3.0, "score_b": 2.0 + 2 * (at % 3)}
        rows.append(row)
    return rows


@pytest.fixture(scope="session")
def made():
    """What tests share: makers of runs, and the look at a page's tags."""
    return SimpleNamespace(
        refined_run=refined_run, data_run=data_run, judged=judged, harmless=harmless, lines=lines
    )
