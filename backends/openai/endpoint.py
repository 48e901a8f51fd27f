"""Which server a target names and which secret belongs to it.

Knows URLs and environment variables. A key goes only to the host it was set for: `OPENAI_API_KEY`
to the host of `OPENAI_BASE_URL`, or to OpenAI's own where that is not set; a key for any other host
is named after it, `PARROT_API_KEY_<HOST>` (`PARROT_API_KEY_OPENROUTER_AI`; with a port,
`PARROT_API_KEY_GPU_7_8000`). A server without a key is sent a placeholder.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

from parrot.core.errors import ConfigError

OFFICIAL_URL = "https://api.openai.com/v1"
NO_KEY = "no-key"
_BOUND = re.compile(r"@(?=https?://)", re.IGNORECASE)
_HOST = re.compile(r"@(localhost\b.*|[\w.-]+(?::\d+|/).*)", re.IGNORECASE)
"""What looks like a server, where a version of a model would stand: `model@20260101` is none."""


@frozen(slots=True)
class Endpoint:
    """A model on a server. The key shows in no repr."""

    model: str
    url: str = field(repr=False)
    key: str = field(repr=False)
    key_variable: str
    official: bool
    loopback: bool


def split_target(target: str) -> tuple[str, str | None]:
    """`MODEL[@URL]`, split at the last `@http://` or `@https://`."""
    bounds = list(_BOUND.finditer(target))
    if not bounds:
        return target.strip(), None
    return target[: bounds[-1].start()].strip(), target[bounds[-1].end() :].strip()


def endpoint(target: str, environment: Mapping[str, str]) -> Endpoint:
    """The endpoint that `MODEL[@URL]` names. Raises ConfigError where it cannot be one."""
    model, url = split_target(target)
    if url is None and (lacking := _HOST.search(model)):
        raise ConfigError(
            f"the URL in {target!r} must begin with http:// or https://: {lacking[1]!r} would else go"
            " to the usual server as part of the model's name"
        )
    if not model:
        raise ConfigError("an openai: target is MODEL[@URL]; the model is missing")
    usual = environment.get("OPENAI_BASE_URL") or OFFICIAL_URL
    parts = _parsed(url or usual)
    official = parts.hostname == urlsplit(OFFICIAL_URL).hostname
    variable, key = _key(parts, _parsed(usual), environment)
    if official and key is None:
        raise ConfigError(f"no key for {parts.hostname}: set {variable} in the environment")
    return Endpoint(
        model, parts.geturl(), key or NO_KEY, variable, official, _is_loopback(parts.hostname)
    )


def _parsed(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        known = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigError("the URL of an openai: target cannot be read") from None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname or not known:
        raise ConfigError("the URL of an openai: target must be http:// or https:// and a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        # Said without the URL: what stands there may be a secret.
        raise ConfigError("an openai: URL carries no user, password or query; set a key instead")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    usual_port = {"http": 80, "https": 443}.get(parts.scheme.lower())
    return parts.scheme.lower(), parts.hostname, parts.port or usual_port


def _key(
    parts: SplitResult, usual: SplitResult, environment: Mapping[str, str]
) -> tuple[str, str | None]:
    host = parts.hostname or ""
    names = [f"{host}:{parts.port}", host] if parts.port else [host]
    variables = ["PARROT_API_KEY_" + re.sub(r"[^A-Za-z0-9]+", "_", n).upper() for n in names]
    if _origin(parts) == _origin(usual):
        variables.append("OPENAI_API_KEY")
    for variable in variables:
        if environment.get(variable, "").strip():
            return variable, environment[variable].strip()
    return variables[-1], None


def _is_loopback(host: str | None) -> bool:
    if host in {None, "localhost"} or str(host).endswith(".localhost"):
        return host is not None
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False
