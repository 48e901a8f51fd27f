"""What a full or failing disk is told as, wherever a folder of results is written."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from parrot.core.errors import StoreError, StoreFullError

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def explained(place: Path, kept: str) -> Iterator[None]:
    """Turns errors of the system into StoreFullError or StoreError. kept: what is safe all the same."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFullError(f"no space left to write {place}; {kept}") from None
        raise StoreError(f"cannot write {place}: {error.strerror}") from None
