"""Rows of Hugging Face datasets, by name or from a local folder of one, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parrot.core.errors import ConfigError, MissingExtraError

Rows = Any
"""A `datasets.Dataset` or `IterableDataset`."""


def hub_rows(name: str, *, config: str | None = None, split: str | None = None) -> Rows:
    """The rows of a dataset, images still encoded. Raises ConfigError, MissingExtraError.

    name: that of the Hub, or a local folder in a form `load_dataset` knows. split: needed where the
    dataset has several.
    """
    try:
        import datasets  # type: ignore[import-untyped,unused-ignore]
        from datasets.exceptions import DatasetsError  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise MissingExtraError("reading from the Hub", "data") from error
    try:
        found = datasets.load_dataset(name, config, split=split, streaming=True)
    except (ValueError, OSError, DatasetsError) as error:
        first = str(error).strip().split("\n", maxsplit=1)[0]
        raise ConfigError(f"hub:{name} cannot be loaded: {first}") from None
    if isinstance(found, Mapping):
        if len(found) > 1:
            raise ConfigError(f"hub:{name} has splits: {', '.join(map(str, found))}; name one")
        found = next(iter(found.values()))
    return undecoded(found)


def images_root_of(name: str) -> Path:
    """The folder that the loader's own image paths lie in."""
    if Path(name).is_dir():
        return Path(name).resolve()
    from datasets import config

    return Path(config.HF_CACHE_HOME).expanduser()


def undecoded(dataset: Rows) -> Iterator[Mapping[str, Any]]:
    """Rows with images as `{bytes, path}` and class labels by name."""
    import datasets

    features = dict(dataset.features or {})
    names: dict[str, datasets.ClassLabel] = {}
    for column, feature in features.items():
        if isinstance(feature, datasets.ClassLabel):
            names[column] = feature
        elif encoded := _encoded(feature, datasets):
            dataset = dataset.cast_column(column, encoded)
    for row in dataset:
        yield row | {c: f.int2str(row[c]) for c, f in names.items() if row[c] is not None}


def _encoded(feature: Any, datasets: Any) -> Any:
    """The same feature without decoding, None where it has no images."""
    if isinstance(feature, datasets.Image):
        return datasets.Image(decode=False)
    inner = getattr(feature, "feature", None)
    if isinstance(inner, datasets.Image):
        return type(feature)(datasets.Image(decode=False))
    return None
