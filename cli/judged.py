"""What a file of `parrot judge` is of, and whether another may take its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from parrot.adapters.begun import told
from parrot.adapters.datasets.reading import records_in
from parrot.adapters.datasets.rows import placed_rows
from parrot.adapters.judgements import judged_before, refuse_fewer
from parrot.cli.sharing import covered
from parrot.core.pipelines.judging import Judging
from parrot.core.sharding import Share


@frozen(slots=True)
class Given:
    """The pairs that are judged, and the machine's part of them."""

    pairs: Path
    schema: str
    images_root: Path | None
    share: Share

    @property
    def root(self) -> Path:
        """The folder that image paths are relative to."""
        return self.images_root or (self.pairs if self.pairs.is_dir() else self.pairs.parent)

    def ids(self) -> Iterator[str]:
        """The ids of the part's pairs, in input order. Opens no image."""
        rows = placed_rows(self.pairs, images=False)
        root, name = self.root, str(self.pairs)
        found = records_in(rows, schema=self.schema, images_root=root, name=name)
        shard = self.share.shard
        for pair_id, _, _ in islice(found, self.share.limit):
            if shard is None or shard.holds(pair_id):
                yield pair_id


def about_judging(given: Given, how: Judging, model: str, probe: str | None) -> dict[str, Any]:
    """What is said beside the file of judgements. model: its id."""
    about = {
        "command": "judge",
        "pairs": str(given.pairs),
        "model": model,
        "probe": probe,
        "form": how.form.value,
        "expected": how.expected,
        "orders": [order.value for order in how.orders],
        "samples": how.samples,
        "prompt": how.prompt.id,
        "rubric_digest": how.rubric.digest if how.rubric else None,
        "sampling": asdict(how.sampling),
        "limit": given.share.limit,
        **covered(given.share),
    }
    return {**told(about, given.root.resolve()), "status": "done"}


def refuse_others(out: Path, given: Given, how: Judging, about: Mapping[str, Any]) -> None:
    """Raises ConfigError where the file holds what would be lost: all that is not judged again."""
    if judged_before(out, about):
        places = {(order.value, sample) for order, sample in how.places}
        refuse_fewer(out, given.ids(), places)
