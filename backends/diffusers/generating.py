"""A loaded pipeline as a BatchGenerator: drawings of one kind together, memory within bounds."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import torch

from parrot.backends.diffusers.identity import call_digest
from parrot.backends.images import image_from_pixels, pixels
from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError, ImageError, UnknownNameError
from parrot.core.interfaces import Wanted
from parrot.core.values import Image

_OURS: Final = frozenset(
    ("self", "prompt", "image", "generator", "output_type", "return_dict", "num_images_per_prompt")
)
_TOGETHER: Final = ("FluxKontextPipeline",)
"""Pipelines that take one image a prompt; others take a list of images as of one prompt."""


class DiffusersGenerator:
    """A pipeline in this process. For one thread at a time.

    pipeline: any diffusers pipeline, such as one in training. name: its id, which must change when
    its weights do. call: arguments of the pipeline's call, by their own names. An edit begins from
    `start` in the place of its first source. Raises UnknownNameError for an argument that the
    pipeline does not take.
    """

    def __init__(
        self,
        pipeline: Any,
        name: str,
        *,
        max_batch: int = 4,
        call: Mapping[str, Any] | None = None,
    ) -> None:
        if max_batch < 1:
            raise ConfigError("max_batch is at least 1")
        self._pipeline: Any = pipeline
        self._most, self._call = max_batch, dict(call or {})
        self._takes = frozenset(inspect.signature(type(pipeline).__call__).parameters)
        kind = type(pipeline).__name__
        for key in self._call:
            if key in _OURS or key not in self._takes:
                raise UnknownNameError(f"argument of {kind}", key, self._takes - _OURS)
        digest = call_digest(self._call)
        self._id = f"{name}+{digest}" if digest else name
        self._many_images = kind in _TOGETHER
        self._closed = False

    @property
    def id(self) -> str:
        return self._id

    @property
    def max_batch(self) -> int:
        """Drawings at once; less than asked for once memory has run out."""
        return self._most

    def draw_batch(self, wanted: Sequence[Wanted], /) -> Sequence[Image | Failed]:
        """One image a drawing, in order; what cannot be drawn fails alone."""
        made: dict[int, Image | Failed] = {}
        groups: dict[object, list[tuple[int, Wanted, list[Any]]]] = {}
        for index, one in enumerate(wanted):
            try:
                images = self._images(one)
            except ImageError as error:
                made[index] = Failed(FailureKind.IMAGE, str(error))
                continue
            if self._closed:
                made[index] = Failed(FailureKind.REJECTED, f"the generator {self.id!r} is closed")
            elif images and "image" not in self._takes:
                kind = type(self._pipeline).__name__
                made[index] = Failed(FailureKind.REJECTED, f"a {kind} takes no image to edit")
            else:
                groups.setdefault(self._kind(index, images), []).append((index, one, images))
        for group in groups.values():
            made.update(self._drawn(group))
        return [made[index] for index in range(len(wanted))]

    def close(self) -> None:
        """Lets the pipeline go; later drawings fail."""
        self._closed, self._pipeline = True, None

    def _images(self, one: Wanted) -> list[Any]:
        request, start = one.request, one.start
        if request.is_edit:
            return [pixels(i) for i in (start or request.sources[0], *request.sources[1:])]
        # A pipeline that takes no image begins from noise: there is nothing to begin from.
        return [pixels(start)] if start is not None and "image" in self._takes else []

    def _kind(self, index: int, images: list[Any]) -> object:
        if not images:
            return None
        alike = self._many_images and len(images) == 1
        return images[0].size if alike else index

    def _drawn(
        self, group: list[tuple[int, Wanted, list[Any]]]
    ) -> Iterator[tuple[int, Image | Failed]]:
        waiting = list(group)
        while waiting:
            some = waiting[: self._most]
            try:
                images = self._called(some)
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                if len(some) > 1:
                    self._most = (len(some) + 1) // 2
                    continue
                images = [Failed(FailureKind.REJECTED, "one drawing does not fit into memory")]
            except Exception as error:  # noqa: BLE001  a pipeline raises anything; these drawings fail
                if len(some) > 1:  # whose fault it is shows when each is drawn alone
                    for one in some:
                        yield from self._drawn([one])
                    waiting = waiting[len(some) :]
                    continue
                said = f"{type(error).__name__}: {error}"[:400]
                images = [Failed(FailureKind.REJECTED, said)]
            waiting = waiting[len(some) :]
            yield from zip((index for index, *_ in some), images, strict=True)

    def _called(self, some: list[tuple[int, Wanted, list[Any]]]) -> list[Image | Failed]:
        given = dict(self._call)
        given["prompt"] = [one.request.prompt for _, one, _ in some]
        # Noise is drawn on the CPU: a seed draws alike on every device.
        given["generator"] = [torch.Generator("cpu").manual_seed(one.seed) for _, one, _ in some]
        images = [image for *_, own in some for image in own]
        if images:
            given["image"] = images if len(images) > 1 else images[0]
        if len(some) == 1:
            given["prompt"], given["generator"] = given["prompt"][0], given["generator"][0]
        elif isinstance(given.get("negative_prompt"), str):
            given["negative_prompt"] = [given["negative_prompt"]] * len(some)
        with torch.inference_mode():
            out = self._pipeline(**given)
        unsafe = getattr(out, "nsfw_content_detected", None) or [False] * len(some)
        refused = Failed(FailureKind.REFUSED, "the pipeline's safety checker blanked the drawing")
        return [
            refused if bad else image_from_pixels(picture)
            for picture, bad in zip(out.images, unsafe, strict=True)
        ]
