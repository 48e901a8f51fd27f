"""How long a shell waits for `parrot --help`, and what `import parrot.core` adds to a bare start.

Run: python tests/benchmarks/bench_start.py [TIMES]

Every command is started so many times in turns with a Python that does nothing; bytecode is warm.
Prints the best and the median of the clock, and the best of processor time, which others' work on
the machine stretches less.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PYTHON = sys.executable
STARTS = {
    "python -c pass": [PYTHON, "-c", "pass"],
    "import parrot.core": [PYTHON, "-c", "import parrot.core"],
    "import parrot": [PYTHON, "-c", "import parrot"],
    "parrot --help": [str(Path(PYTHON).with_name("parrot")), "--help"],
    "parrot rationalize --help": [str(Path(PYTHON).with_name("parrot")), "rationalize", "--help"],
}


def milliseconds(command):
    """Of the clock and of the processor."""
    began = time.perf_counter()
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    assert not started.returncode
    return 1000 * (time.perf_counter() - began), 1000 * (used.ru_utime + used.ru_stime)


def main(times=15):
    spent = {name: [] for name in STARTS}
    for turn in range(times + 1):
        for name, command in STARTS.items():
            took = milliseconds(command)
            if turn:  # the first round warms up
                spent[name].append(took)
    print(f"{'':28}{'best':>8}{'median':>8}{'processor':>12}")
    for name, all_ in spent.items():
        clock, used = zip(*all_, strict=True)
        shown = f"{min(clock):5.0f} ms{statistics.median(clock):5.0f} ms{min(used):9.0f} ms"
        print(f"{name:28}{shown}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
