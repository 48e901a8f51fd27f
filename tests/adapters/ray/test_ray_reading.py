"""Rows that Ray Data reads are those that a single process reads, with the same places."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("ray", reason="needs the extra ray")

from parrot.adapters.datasets.rows import files_of, placed_rows
from parrot.adapters.ray import connected
from parrot.adapters.ray.reading import rows_at
from parrot.core.errors import RecordError

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    with connected("local", cpus=1):
        yield


def rows(file):
    return [{"id": f"{file}-{n}", "path": "a column of their own"} for n in range(100)]


def lines(file):
    said = [json.dumps(row) + ("\n\n" if n % 9 == 0 else "\n") for n, row in enumerate(rows(file))]
    return ("\ufeff" + "".join(said)).encode()


WRITERS = {
    ".jsonl": lambda path, n: path.write_bytes(lines(n)),
    ".jsonl.gz": lambda path, n: path.write_bytes(gzip.compress(lines(n))),
    ".parquet": lambda path, n: pq.write_table(pa.Table.from_pylist(rows(n)), path),
}


def read(place):
    named = {str(one.resolve()): str(one) for one in files_of(place)}
    return list(rows_at(str(place), named))


def alone(place):
    return [(at.file, at.line, dict(row)) for at, row in placed_rows(place)]


@pytest.mark.parametrize("ending", WRITERS)
def test_every_row_stands_where_one_process_finds_it(tmp_path, ending):
    for n in range(3):
        WRITERS[ending](tmp_path / f"{n}{ending}", n)
    for place in (tmp_path, tmp_path / f"1{ending}"):
        assert read(place) == alone(place)


def test_a_broken_line_is_told_with_its_file_and_number(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines(0))
    (tmp_path / "b.jsonl").write_text('{"id": "x"}\n\n[3]\n')
    with pytest.raises(RecordError, match=r"b\.jsonl:3: not an object"):
        read(tmp_path)
