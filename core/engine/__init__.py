"""The engine: asks models what is not in the store yet, and keeps what they reply."""

from parrot.core.engine.batching import batched, batched_generator
from parrot.core.engine.bridge import BackgroundLoop, bridged, run_sync
from parrot.core.engine.budget import Budget, Price
from parrot.core.engine.clock import SystemClock
from parrot.core.engine.engine import Engine
from parrot.core.engine.limits import Limits
from parrot.core.engine.memory import MemoryStore
from parrot.core.engine.progress import Meter, Progress
from parrot.core.engine.retry import RetryPolicy
from parrot.core.engine.stream import Job

__all__ = [
    "BackgroundLoop",
    "Budget",
    "Engine",
    "Job",
    "Limits",
    "MemoryStore",
    "Meter",
    "Price",
    "Progress",
    "RetryPolicy",
    "SystemClock",
    "batched",
    "batched_generator",
    "bridged",
    "run_sync",
]
