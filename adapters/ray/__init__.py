"""A run over a Ray cluster: rows read by Ray Data, asked by actors, each with its own shard.

The driver reads the input once and sends every row to the actor that owns its shard, by the hash of
its id. An actor owns one engine, one client and one store, which outlive neither it nor each other;
the store's file outlives all of them. What an actor brought is written as Parquet, a file for every
so many rows. An actor that dies is started again by Ray and finds its answers in its store; so does
a whole run that is started again.
"""

from parrot.adapters.ray.actors import Opened, Part, Working
from parrot.adapters.ray.connecting import connected
from parrot.adapters.ray.driving import Actors, spread
from parrot.adapters.ray.parts import entries_in

__all__ = ["Actors", "Opened", "Part", "Working", "connected", "entries_in", "spread"]
