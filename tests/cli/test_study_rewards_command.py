"""`parrot study rewards` with a tiny generator: lines, a run that broke off, arms and their judges."""

import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `diffusers` is not installed")
pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
pytest.importorskip("peft", reason="the extra `diffusers` is not installed")

from typer.testing import CliRunner

from parrot.backends.miniature import shipped
from parrot.backends.miniature.briefs import Op
from parrot.backends.miniature.tuned import Truth, measured_on, tuned_on
from parrot.cli import app
from parrot.cli.study_scores import Judges, score_of
from parrot.cli.study_tuned import Runner
from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError
from parrot.core.judgements import request_key
from parrot.core.rewards.values import Drawing, Reward, Unscored
from parrot.core.studies.tuning import Arm
from parrot.core.testing.fakes import plain_image

pytestmark = pytest.mark.filterwarnings("ignore")
SMALL = (
    "--seeds", "1", "--steps", "2", "--every", "1", "--group", "2", "--prompts-per-step", "1",
    "--requests", "2", "--tests", "2", "--samples", "1", "--rank", "2", "--sampling-steps", "3",
    "--levels", "1", "--device", "cpu", "--student", "miniature:teacher",
)  # fmt: skip


@pytest.fixture(scope="module")
def flux(tmp_path_factory):
    place = Path(__file__).parents[1] / "backends" / "diffusers" / "conftest.py"
    spec = importlib.util.spec_from_file_location("tiny", place)
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    out = tmp_path_factory.mktemp("tiny") / "flux"
    tiny.flux().save_pretrained(out, safe_serialization=True)
    return out


def studied(out, flux, *more):
    command = ["study", "rewards", "--out", out, "--generator", flux, *SMALL, *more]
    return CliRunner().invoke(app, [str(one) for one in command])


def told(ended):
    return str(ended.exception or "") + ended.output


def points_of(folder):
    lines = (folder / "tuned.jsonl").read_text().splitlines()
    return [json.loads(line)["points"] for line in lines]


def test_arms_end_as_lines_and_a_run_that_broke_off_comes_to_the_same(tmp_path, flux, monkeypatch):
    through, broken = tmp_path / "through", tmp_path / "broken"
    ended = studied(through, flux, "--json")
    assert ended.exit_code == 0, told(ended)
    lines = [json.loads(one) for one in (through / "tuned.jsonl").read_text().splitlines()]
    arms = [Arm.RATIONAL, Arm.SUM, Arm.NO_SOURCE, Arm.TRUTH]
    assert [line["arm"] for line in lines] == arms
    assert '"left out, no judge was named": ["scores-only", "head"]' in ended.output
    assert all([point["step"] for point in line["points"]] == [0, 1, 2] for line in lines)
    firsts = [line["points"][0] for line in lines]
    assert len({tuple(one["truths"]) for one in firsts}) == 1  # all begin with one generator
    assert {one["kl"] for one in firsts} == {0.0}
    found = json.loads((through / "report.json").read_text())
    assert [row["arm"] for row in found["rows"]] == arms
    assert (through / "truth-by-kl.svg").read_text().count("<polyline") == 4

    plain = Runner._point

    def breaking(self, tuning, score, truth, step):
        if step == 2:
            raise ConfigError("broken off")
        return plain(self, tuning, score, truth, step)

    monkeypatch.setattr(Runner, "_point", breaking)
    assert "broken off" in told(studied(broken, flux, "--arms", "truth"))
    assert not (broken / "tuned.jsonl").exists()
    monkeypatch.setattr(Runner, "_point", plain)
    assert studied(broken, flux, "--arms", "truth").exit_code == 0
    assert points_of(broken) == points_of(through)[-1:]
    monkeypatch.setattr(Runner, "_point", breaking)  # and nothing is measured again
    assert studied(broken, flux, "--arms", "truth").exit_code == 0
    assert "holds another study (steps: 2, not 3)" in told(
        studied(broken, flux, "--arms", "truth", "--steps", "3")
    )


def test_a_generator_that_does_not_come_with_the_library_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "WEIGHTS", tmp_path)
    for command in (["study", "rewards", "--out", str(tmp_path)], ["demo", "--full", "--train"]):
        monkeypatch.setattr("parrot.cli.demo._start", lambda base: tmp_path)
        ended = CliRunner().invoke(app, command)
        assert ended.exit_code != 0
        assert "miniature:generator does not come with this installation" in told(ended)


def test_a_report_of_no_study_says_so(tmp_path, flux):
    assert "holds no study" in told(studied(tmp_path, flux, "--report"))


def test_edits_of_both_splits_are_apart_and_the_truth_knows_them_alone():
    on, by = list(tuned_on(6)), list(measured_on(6))
    assert all(wish.source is not None for wish in (*on, *by))
    keys = [{request_key(wish.request) for wish in some} for some in (on, by)]
    assert not keys[0] & keys[1]
    same = list(tuned_on(3, Op.MOVE))
    assert {wish.brief.edit.op for wish in same} == {Op.MOVE}
    truth = Truth(on)
    source = on[0].request.sources[0]
    assert 0.0 <= truth([Drawing(on[0].request, source)])[0] < 1.0  # it was to be changed
    assert truth([Drawing(on[0].request, plain_image(1, 2, 3, side=8))]) == (0.0,)
    assert truth.worth(Drawing(on[0].request, plain_image(1, 2, 3, side=8))) is None
    with pytest.raises(KeyError):
        truth.worth(Drawing(by[0].request, source))


def test_a_head_is_scaled_by_the_untuned_drawings_and_keeps_its_order(monkeypatch, tmp_path):
    class Fake:
        def numbers(self, drawings):
            lost = Failed(FailureKind.IMAGE, "broken")
            return [lost if d.image.sha256 in broken else numbers[d.image.sha256] for d in drawings]

    on = next(tuned_on(1))
    images = [plain_image(n, 0, 0) for n in range(5)]
    numbers = {one.sha256: 40.0 + 10.0 * n for n, one in enumerate(images)}
    broken = {images[4].sha256}
    drawings = [Drawing(on.request, one) for one in images]
    monkeypatch.setattr("parrot.backends.torch.head.open_head", lambda folder: Fake())
    asked = []

    def untuned():
        asked.append(1)
        return drawings[:3]

    with score_of(Arm.HEAD, Judges(head=str(tmp_path)), Truth([on]), untuned) as score:
        assert not asked  # the generator is not made yet
        outcomes = score(drawings)
        score(drawings[:1])
    assert len(asked) == 1
    totals = [one.total for one in outcomes if isinstance(one, Reward)]
    assert totals == sorted(totals)
    assert totals[1] == pytest.approx(0.5)  # 50 is the untuned drawings' mean
    assert totals[0] == pytest.approx(1.0 - totals[2])
    assert isinstance(outcomes[4], Unscored)


def test_the_papers_reward_leaves_image_faithfulness_out():
    on = next(tuned_on(1))
    drawing = Drawing(on.request, on.request.sources[0])
    judges, truth = Judges("miniature:teacher"), Truth([on])
    with score_of(Arm.RATIONAL, judges, truth, list) as score:
        (whole,) = score([drawing])
    with score_of(Arm.NO_SOURCE, judges, truth, list) as score:
        (left,) = score([drawing])
    assert whole.dimensions.keys() - left.dimensions.keys() == {"image_faithfulness"}
    with (
        pytest.raises(ConfigError, match="nobody was named"),
        score_of(Arm.SCORES_ONLY, judges, truth, list),
    ):
        pass


def test_a_plan_knows_whose_weights_it_holds(tmp_path):
    from parrot.cli.study_scores import Judges

    (tmp_path / "config.json").write_text("{}")
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"one")
    judges = Judges(f"torch:{tmp_path}", head=str(tmp_path))
    before = judges.plan
    assert before["student"].startswith(f"torch:{tmp_path}@")
    assert before["scores"] is None
    assert Judges("miniature:teacher").plan["student"] == "miniature:teacher"
    assert "@" in Judges("miniature:student").plan["student"]
    weights.write_bytes(b"another")
    assert judges.plan["student"] != before["student"]
    assert judges.plan["head"] != before["head"]


def test_the_demos_tuning_tells_the_truth_before_and_after(tmp_path, flux, monkeypatch, capsys):
    from attrs import evolve

    from parrot.cli import demo_tuning
    from parrot.cli.demo_told import Told

    small = evolve(demo_tuning.RECIPE, prompts=1, group=2, sampling=3, rank=2, batch=2)
    monkeypatch.setattr(demo_tuning, "RECIPE", small)
    how = {"steps": 2, "tests": 2, "seed": 0, "device": "cpu"}
    found = demo_tuning.tuned_for_demo("miniature:teacher", flux, tmp_path, **how)
    told_ = capsys.readouterr().err.splitlines()  # diffusers' own bars among them
    lines = [json.loads(line) for line in told_ if line.startswith("{")]
    assert [line["measured"] for line in lines if "measured" in line] == [0, 1, 2]
    assert [line["step"] for line in lines if "step" in line] == [1, 2]
    value, low, high = found["gained"]
    assert low <= value <= high
    assert found["truth"] == pytest.approx(found["first_truth"] + value)
    assert found["drawings"] == 4
    assert (Path(found["lora"]) / "pytorch_lora_weights.safetensors").is_file()
    again = demo_tuning.tuned_for_demo("miniature:teacher", flux, tmp_path, **how)
    assert again | {"seconds": 0} == found | {"seconds": 0}
    with pytest.raises(ConfigError, match=r"holds another study \(student:"):
        demo_tuning.tuned_for_demo("miniature:teacher-low", flux, tmp_path, **how)
    Told().tuned(found)
    said = capsys.readouterr().out
    assert f"-> {found['truth']:.3f}: {value:+.3f} ({low:+.3f} to {high:+.3f}" in said
    Told(quiet=True).tuned(found)
    assert capsys.readouterr().out == ""
