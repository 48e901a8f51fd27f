"""The content key of an ask, and whether a stored reply answers it.

Equal keys mean equal asks; any change of meaning changes the key (golden values in the tests).
Lengths, time-outs, concurrency and URLs are not in it.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING

from parrot.core.asks import Ask, Finish, Part, Reply, Until
from parrot.core.interfaces import Key, Record

if TYPE_CHECKING:
    from hashlib import _Hash

KEY_VERSION = 1


@lru_cache(maxsize=256)
def _started(model: str, head: str) -> _Hash:
    # The shared prefix of many asks is hashed once: with prefix-first prompts that is most of it.
    begun = f"parrot-key-{KEY_VERSION}".encode()
    return hashlib.sha256(
        begun + _told(b"m", model.encode()) + _told(b"h", head.encode("utf-8", "surrogatepass"))
    )


def _told(tag: bytes, data: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(data), data)


def _part(part: Part) -> bytes:
    if isinstance(part, str):
        return _told(b"t", part.encode("utf-8", "surrogatepass"))
    return _told(b"i", part.sha256.encode())


def key_of(ask: Ask, model: str) -> Key:
    """16 bytes over the rendered ask, meaning-changing sampling, the sample index and the model."""
    first = ask.turns[0].parts[0] if ask.turns and ask.turns[0].parts else ""
    head = first if isinstance(first, str) else ""
    told: list[bytes] = []
    skip = bool(head)  # the head is already in the state
    for turn in ask.turns:
        told.append(_told(b"r", turn.role.encode()))
        told += map(_part, turn.parts[skip:] if skip else turn.parts)
        skip = False
    sampling = ask.sampling
    # Adding 0.0 writes 0, 0.0 and -0.0 alike: equal asks have equal keys.
    warmth, mass = sampling.temperature + 0.0, sampling.top_p + 0.0
    meaning = f"{warmth!r}|{mass!r}|{sampling.seed!r}|{ask.sample}|{ask.image_policy}"
    told.append(_told(b"s", meaning.encode()))
    if ask.schema is not None:
        told.append(_told(b"j", json.dumps(ask.schema, sort_keys=True).encode()))
    state = _started(model, head).copy()
    state.update(b"".join(told))
    return state.digest()[:16]


def answers(stored: Record, ask: Ask) -> bool:
    """Whether a stored record is enough for the ask, so that nothing need be paid.

    A reply cut at its token limit is enough only for an ask that allows no more. A full reply
    answers an ask that wants only the scores, never the reverse. A refusal is an answer.
    """
    reply = stored.outcome
    if not isinstance(reply, Reply):
        return False
    wanted = ask.sampling.top_logprobs
    if wanted is not None and (stored.top_logprobs is None or stored.top_logprobs < wanted):
        return False
    if reply.finish is Finish.LENGTH:
        return stored.max_tokens >= ask.sampling.max_tokens
    if reply.finish is Finish.SCORES:
        return ask.until is Until.SCORES
    return True
