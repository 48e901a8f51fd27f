"""Disjoint parts of a set of pairs: what shares a request or an image stays together.

Pure: knows keys (digests), shares and a seed; neither files nor images. Memory is a few hundred
bytes for each distinct key.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from parrot.core.errors import ConfigError
from parrot.core.texts import normalised
from parrot.core.values import PreferencePair


def keys_of(pair: PreferencePair) -> tuple[bytes, ...]:
    """What ties a pair to others: its images, and its request (prompt with sources)."""
    images = (pair.image_a, pair.image_b, *pair.request.sources)
    sources = " ".join(image.sha256 for image in pair.request.sources)
    request = f"{sources}\n{normalised(pair.request.prompt)}"
    keys = (f"image {image.sha256}" for image in images)
    return tuple(_digest(key) for key in (*keys, f"request {request}"))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:12]


def parse_shares(text: str) -> dict[str, float]:
    """`train=0.9,test=0.1` as a table. Raises ConfigError unless positive shares sum to 1."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            share = float(value)
        except ValueError:
            share = math.nan
        if not name.replace("-", "").replace("_", "").isalnum() or not share > 0:
            raise ConfigError(f"shares are NAME=NUMBER,NAME=NUMBER, not {part!r}")
        if name in shares:
            raise ConfigError(f"shares name {name!r} twice")
        shares[name] = share
    if not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-9):
        raise ConfigError(f"shares must sum to 1, not {sum(shares.values()):g}")
    return shares


@frozen(slots=True)
class Group:
    """Items that belong together: the index of each, and the least of their keys."""

    key: bytes
    members: array[int] = field(eq=False)


def groups_of(items: Iterable[Sequence[bytes]]) -> list[Group]:
    """Connected items: two are connected when a chain of shared keys leads from one to the other.

    items: the keys of each, at least one; an item without keys belongs to no group.
    """
    numbers: dict[bytes, int] = {}
    parents = array("q")
    firsts = array("q")
    for keys in items:
        ids = [numbers.setdefault(key, len(numbers)) for key in keys]
        parents.extend(range(len(parents), len(numbers)))
        firsts.append(ids[0] if ids else -1)
        for other in ids[1:]:
            _join(parents, ids[0], other)
    return _collected(numbers, parents, firsts)


def _root(parents: array[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


def _join(parents: array[int], one: int, other: int) -> None:
    first, second = _root(parents, one), _root(parents, other)
    parents[max(first, second)] = min(first, second)


def _collected(numbers: dict[bytes, int], parents: array[int], firsts: array[int]) -> list[Group]:
    least: dict[int, bytes] = {}
    for key, node in numbers.items():
        root = _root(parents, node)
        least[root] = min(least.get(root, key), key)
    members: dict[int, array[int]] = {}
    for index, node in enumerate(firsts):
        if node >= 0:
            members.setdefault(_root(parents, node), array("q")).append(index)
    return [Group(least[root], found) for root, found in members.items()]


def parts_of(groups: Iterable[Group], shares: Mapping[str, float], *, seed: int) -> dict[int, str]:
    """The part of each item, whole groups together.

    Groups come in an order that only their keys and the seed decide, and each goes to the part that
    lags furthest behind its share of what was given out. The order of the items does not matter.
    """
    given = dict.fromkeys(shares, 0)
    parts: dict[int, str] = {}
    for group in sorted(groups, key=lambda group: _turn(group.key, seed)):
        size = len(group.members)
        total = sum(given.values()) + size
        part = max(shares, key=lambda name: shares[name] * total - given[name])
        given[part] += size
        parts.update(dict.fromkeys(group.members, part))
    return parts


def _turn(key: bytes, seed: int) -> bytes:
    return hashlib.sha256(f"split {seed} ".encode() + key).digest()
