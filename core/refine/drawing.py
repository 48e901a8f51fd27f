"""One drawing from a generator: tried again where that can help, a typed failure where it cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from parrot.core.asks import Failed, FailureKind
from parrot.core.engine.retry import GiveUp, RetryPolicy, Tries
from parrot.core.errors import (
    AccessError,
    ImageError,
    ModelError,
    RunStopped,
    StopReason,
)
from parrot.core.interfaces import Clock, Generator
from parrot.core.values import Image, Request

Look = Callable[[Image], Failed | None]
"""Says what is wrong with a drawing that nobody should be asked about, such as a black one."""


async def drawn(
    generator: Generator,
    request: Request,
    *,
    seed: int,
    start: Image | None,
    clock: Clock,
    retry: RetryPolicy,
    look: Look | None = None,
) -> Image | Failed:
    """The drawing, or why there is none. Raises RunStopped where the generator is out of reach."""
    tries, attempt = Tries(_key(request, seed), retry, clock.now()), 0
    while True:
        attempt += 1
        try:
            image: object = await generator.draw(request, seed=seed, start=start)
            if not isinstance(image, Image):
                said = f"the generator gave {type(image).__name__}, which is no Image"
                return Failed(FailureKind.REJECTED, said, attempt)
            return (look(image) if look else None) or image
        except AccessError as error:
            raise RunStopped(f"the generator: {error}", reason=StopReason.ACCESS) from error
        except ModelError as error:
            next_ = tries.after(error, clock.now())
            if isinstance(next_, GiveUp):
                return Failed(next_.kind, next_.detail, attempt)
            await clock.sleep(next_.seconds)
        except ImageError as error:
            return Failed(FailureKind.IMAGE, str(error), attempt)
        except Exception as error:  # noqa: BLE001  a pipeline raises anything; one drawing fails, not the run
            return Failed(FailureKind.REJECTED, f"{type(error).__name__}: {error}"[:400], attempt)


def _key(request: Request, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}|{request.prompt}".encode("utf-8", "surrogatepass")).digest()[:16]
