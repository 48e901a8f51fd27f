"""`parrot filter` and `parrot project`: what they go on from, what bounds them, what they ask."""

import json
import shutil

import pytest

pytest.importorskip("numpy", reason="the miniature needs the extra miniature")

from parrot.backends.miniature.files import write_pairs
from parrot.core.testing.server import LoopbackServer

SIMULATED = "miniature:teacher"
PRICES = ("--price-in", 1, "--price-out", 4)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"), 20, seed=3, task="t2i").pairs


@pytest.fixture
def run(pairs, tmp_path, parrot):
    """A finished run."""
    out = tmp_path / "run"
    command = ("rationalize", pairs, "--teacher", SIMULATED, "--out", out, "--filters", "free")
    assert parrot(*command)[0] == 0
    return out


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("command", ["filter", "project"])
@pytest.mark.parametrize("filtered", [False, True])
def test_critiques_of_single_images_are_refused(command, filtered, run, parrot):
    parrot("project", run, "--teacher", SIMULATED)  # some of the simulated replies are unreadable
    given = run / "projected"
    if filtered:  # as an earlier version left them: filtered, and of the command `filter`
        given = shutil.copytree(given, run / "again")
        about = json.loads((given / "run.json").read_text()) | {"command": "filter"}
        (given / "run.json").write_text(json.dumps(about))
    more = ("--teacher", SIMULATED) if command == "project" else ()
    status, _, told = parrot(command, given, *more, "--out", run / "out")
    assert (status, len(told)) == (2, 1)
    assert "holds critiques of single images; project and filter take comparisons" in told[0]
    assert not (run / "out").exists()


def asking(command, model):
    return ("--teacher" if command == "project" else "--verifier", model)


@pytest.mark.parametrize("command", ["filter", "project"])
@pytest.mark.parametrize(
    "bound",
    [("--max-asks", 5), ("--max-tokens-spent", 9), ("--max-cost", 1e-9, *PRICES)],
)
def test_a_bound_ends_the_command_and_the_same_one_goes_on(command, bound, run, parrot):
    with LoopbackServer() as server:
        asked = (command, run, *asking(command, f"openai:{server.target('judge')}"), "--json")
        status, _, told = parrot(*asked, *bound, "--concurrency", 1)
        assert (status, len(told)) == (3, 1)
        assert server.counts.answered <= 8
        status, said, _ = parrot(*asked, "--rpm", 1e9, "--tpm", 1e12, "--max-seconds", 1e6)
    assert status == 0
    assert json.loads(said)["asks"]["from_store"] > 0


@pytest.mark.parametrize("command", ["filter", "project"])
def test_the_cost_is_told_where_prices_are_given(command, run, parrot):
    _, said, _ = parrot(command, run, *asking(command, SIMULATED), *PRICES, "--json")
    told = json.loads(said)["asks"]
    tokens = told["tokens"]
    cost = (tokens["prompt"] + 4 * tokens["completion"]) / 1e6
    assert told["cost"] == pytest.approx(cost)


def test_filter_tells_servers_of_one_name_apart(run, parrot):
    with LoopbackServer() as server:
        asked = ("filter", run, "--verifier", f"openai:{server.target('judge')}")
        assert parrot(*asked, "--tag", "one")[0] == 0
        before = server.counts.answered
        assert parrot(*asked, "--tag", "one")[0] == 0
        assert server.counts.answered == before
        assert parrot(*asked, "--tag", "other")[0] == 0
        assert server.counts.answered > before


def wants_probabilities(command):
    """Whether each ask of a command that names a server as ASKED wants log-probabilities."""
    wanted = []

    def teacher(request):
        from parrot.core.testing.judge import judge

        wanted.append(bool(request.body.get("logprobs")))
        return judge(request)

    with LoopbackServer(teacher) as server:
        command(f"openai:{server.target('judge')}")
    return wanted


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("specific",), {True}),
        (("predictive-masked",), {False}),
        (("predictive-masked", "--probabilities"), {True}),
    ],
)
def test_filter_asks_for_log_probabilities(more, expected, run, parrot):
    def command(model):
        parrot("filter", run, "--verifier", model, "--filters", *more)

    assert set(wants_probabilities(command)) == expected


def test_specific_has_its_log_probabilities_wherever_it_is_run(pairs, run, tmp_path, parrot):
    asked = ("--filters", "specific", "--json")
    out = tmp_path / "other"
    _, whole, _ = parrot("rationalize", pairs, "--teacher", SIMULATED, "--out", out, *asked)
    _, after, _ = parrot("filter", run, "--verifier", SIMULATED, *asked)
    for said in (whole, after):
        [stage] = json.loads(said)["filters"]
        assert stage["kept"] > 0
        assert stage["undecided"] <= 2  # a rubric's first pair has no other before it


@pytest.mark.parametrize("command", ["rationalize", "filter", "project", "judge", "refine"])
@pytest.mark.parametrize("prices", [(), ("--price-in", 1), ("--price-out", 1)])
def test_a_bound_of_money_names_both_prices(command, prices, pairs, run, tmp_path, parrot):
    given = {
        "rationalize": (pairs, "--teacher", SIMULATED),
        "filter": (run, "--verifier", SIMULATED),
        "project": (run, "--teacher", SIMULATED),
        "judge": (pairs, "--model", SIMULATED),
        "refine": ("a fox", "--generator", "miniature:painter", "--critic", SIMULATED),
    }[command]
    out = tmp_path / "out"
    status, _, told = parrot(command, *given, "--out", out, "--max-cost", 1, *prices)
    assert (status, told) == (2, ["error: --max-cost needs both --price-in and --price-out"])
    assert not out.exists()


def test_another_verifier_is_paid_from_the_same_purse(pairs, tmp_path, parrot):
    with LoopbackServer() as server:
        models = [f"openai:{server.target(name)}" for name in ("judge", "other")]
        command = ("rationalize", pairs, "--teacher", models[0], "--verifier", models[1])
        more = ("--filters", "paper", "--out", tmp_path / "out", "--max-cost", 1000, *PRICES)
        status, said, _ = parrot(*command, *more, "--json")
    told = json.loads(said)["asks"]
    assert status == 0
    assert told["cost"] > 0
