"""What a loopback server does wrong, and how often: shares of a seeded draw for each attempt.

A fault is decided by seed, request body and attempt number alone, so that a run can be repeated and
a retry of a faulty request may succeed.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

from attrs import asdict, field, frozen, validators


class Fault(StrEnum):
    """One way to fail a request."""

    THROTTLED = "throttled"  # 429 with Retry-After
    SERVER_ERROR = "server_error"  # 500
    HANG_UP = "hang_up"  # the connection closes without an answer
    CUT_BODY = "cut_body"  # the connection closes amid the JSON
    WRONG_JSON = "wrong_json"  # valid JSON that is no completion
    SLOW = "slow"  # right, but late
    CUT_REPLY = "cut_reply"  # half of the text, finish "length"
    GARBAGE = "garbage"  # a reply of noise


_share = validators.and_(validators.ge(0.0), validators.le(1.0))


@frozen(slots=True)
class Faults:
    """The share of attempts that meet each fault, each in [0, 1] and at most 1 together.

    retry_after_s: the longest Retry-After, seconds; the shortest is 0. slow_s: how late.
    """

    throttled: float = field(default=0.0, validator=_share)
    server_error: float = field(default=0.0, validator=_share)
    hang_up: float = field(default=0.0, validator=_share)
    cut_body: float = field(default=0.0, validator=_share)
    wrong_json: float = field(default=0.0, validator=_share)
    slow: float = field(default=0.0, validator=_share)
    cut_reply: float = field(default=0.0, validator=_share)
    garbage: float = field(default=0.0, validator=_share)
    retry_after_s: float = field(default=0.2, validator=validators.ge(0.0))
    slow_s: float = field(default=0.5, validator=validators.ge(0.0))
    seed: int = 0

    def __attrs_post_init__(self) -> None:
        if sum(self.shares.values()) > 1.0 + 1e-9:
            raise ValueError(f"shares of faults add up to more than 1: {self.shares}")

    @property
    def shares(self) -> dict[Fault, float]:
        known = asdict(self)
        return {fault: known[fault.value] for fault in Fault}

    def drawn(self, digest: str, attempt: int) -> tuple[Fault | None, float]:
        """The fault of this attempt, if any, and a number in [0, 1) to size it by."""
        text = f"{self.seed}:{digest}:{attempt}".encode()
        bits = hashlib.blake2b(text, digest_size=16).digest()
        draw = int.from_bytes(bits[:8], "big") / 2**64
        size = int.from_bytes(bits[8:], "big") / 2**64
        for fault, share in self.shares.items():
            if draw < share:
                return fault, size
            draw -= share
        return None, size


def mixed(share: float, *, seed: int = 0) -> Faults:
    """All faults in equal parts, `share` together; those that only a retry can mend."""
    each = share / len(Fault)
    return Faults(**{fault.value: each for fault in Fault}, seed=seed)
