"""The cluster: connected to, or started on this machine, and ray itself, which may be missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from parrot.core.errors import ConfigError, MissingExtraError

LOCAL: Final = "local"
READERS: Final = 2
"""Logical CPUs that a local cluster has beside those of the actors, for Ray Data to read with."""


def ray_module() -> Any:
    """The package `ray`. Raises MissingExtraError."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("--ray", "ray") from error
    return ray


@contextmanager
def connected(address: str, *, cpus: float = 0.0) -> Iterator[None]:
    """Ray, while it is used. One that the process is connected to already is taken as it is.

    address: of a cluster, or `local` for one on this machine that ends with the process. cpus: what
    actors of a local one will ask for; they are logical, as all of Ray's. Raises ConfigError where
    there is no cluster.
    """
    ray = ray_module()
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing of ours reports home
    more = {"num_cpus": max(os.cpu_count() or 1, int(cpus) + READERS)} if address == LOCAL else {}
    try:
        ray.init(
            address=address,
            include_dashboard=False if more else None,
            log_to_driver=False,
            logging_level="ERROR",
            **more,
        )
    except (ConnectionError, ValueError) as error:
        raise ConfigError(f"no Ray cluster at {address!r}: {error}") from None
    try:
        yield
    finally:
        ray.shutdown()
