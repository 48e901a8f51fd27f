"""What `parrot judge --model head:DIR` does: a scalar head's winners, without an engine or a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from parrot.backends.miniature.shipped import folder_of
from parrot.core.candidates import Order
from parrot.core.errors import ConfigError, MissingExtraError
from parrot.core.judgements import Judged
from parrot.core.pipelines.judging import Judging
from parrot.core.pipelines.scoring import read_scored
from parrot.core.registry import parse_spec
from parrot.core.values import PreferencePair, Unloadable

if TYPE_CHECKING:
    from parrot.backends.torch.head import ScalarHead

HEAD: Final = "head"
_AT_ONCE: Final = 64


def opened_head(spec: str, how: Judging) -> ScalarHead:
    """The head of `head:DIR`, or the shipped one of `head:miniature:head`.

    Raises ConfigError for several samples and for expected scores, which a head does not give.
    """
    if how.expected:
        raise ConfigError("a scalar head has no log-probabilities: it takes no --expected")
    if how.samples > 1:
        raise ConfigError("a scalar head gives one number an image: --samples is 1")
    try:
        from parrot.backends.torch.head import open_head
    except ImportError as error:
        raise MissingExtraError("a head: model", "torch") from error
    return open_head(folder_of(parse_spec(spec).target), prompt=how.prompt)


def head_judgements(
    head: ScalarHead, source: Iterable[PreferencePair | Unloadable], orders: Sequence[Order]
) -> Iterator[tuple[Judged, ...] | Unloadable]:
    """Each pair's judgements, in input order; a pair that cannot be loaded comes as it is."""
    waiting = iter(source)
    while some := tuple(islice(waiting, _AT_ONCE)):
        scores = iter(head.scores([one for one in some if isinstance(one, PreferencePair)]))
        for one in some:
            if isinstance(one, Unloadable):
                yield one
            else:
                yield read_scored(one, next(scores), head.id, orders)
