"""What the server counts, in Prometheus' text form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from attrs import define, field

BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)
"""Upper bounds of the histogram of seconds a request."""


@define(slots=True, eq=False)
class Counts:
    """Requests by path and status, seconds a request, drawings by what became of them."""

    requests: Counter[tuple[str, int]] = field(factory=Counter, init=False)
    drawings: Counter[str] = field(factory=Counter, init=False)
    buckets: Counter[float] = field(factory=Counter, init=False)
    seconds: float = field(default=0.0, init=False)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """One request came to its end."""
        self.requests[path, status] += 1
        self.seconds += seconds
        for bound in BOUNDS:
            self.buckets[bound] += seconds <= bound


def prometheus(counts: Counts, gauges: Mapping[str, float], model: Mapping[str, float]) -> str:
    """Everything as text; model: a reward model's `metrics`, flat names with slashes."""
    return "".join(f"{line}\n" for line in _lines(counts, gauges, model))


def _lines(
    counts: Counts, gauges: Mapping[str, float], model: Mapping[str, float]
) -> Iterator[str]:
    yield "# TYPE parrot_requests_total counter"
    for (path, status), count in sorted(counts.requests.items()):
        yield f'parrot_requests_total{{path="{path}",status="{status}"}} {count}'
    yield "# TYPE parrot_drawings_total counter"
    for outcome, count in sorted(counts.drawings.items()):
        yield f'parrot_drawings_total{{outcome="{outcome}"}} {count}'
    yield "# TYPE parrot_request_seconds histogram"
    total = sum(counts.requests.values())
    for bound in BOUNDS:
        yield f'parrot_request_seconds_bucket{{le="{bound:g}"}} {counts.buckets[bound]}'
    yield f'parrot_request_seconds_bucket{{le="+Inf"}} {total}'
    yield f"parrot_request_seconds_sum {counts.seconds:.6f}"
    yield f"parrot_request_seconds_count {total}"
    for name, value in sorted(gauges.items()):
        yield f"# TYPE parrot_{name} gauge"
        yield f"parrot_{name} {value:g}"
    yield "# TYPE parrot_model gauge"
    for name, value in sorted(model.items()):
        yield f'parrot_model{{what="{name}"}} {value:g}'
