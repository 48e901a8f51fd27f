"""Rewards and advantages through trainers' own code, where it is at hand.

`PARROT_PEERS` names a folder with checkouts: Flow-Factory, flow_grpo, DiffusionNFT, Edit-R1, ms-swift,
verl, Pref-GRPO. TRL is imported if it is installed. What is absent is skipped, with the reason.
"""

import ast
import importlib.util
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import parrot
from parrot.core.asks import Failed, FailureKind
from parrot.core.engine import RetryPolicy
from parrot.core.rewards import (
    FLOW_GRPO,
    MS_SWIFT,
    VERL,
    Deviation,
    Over,
    Reward,
    Unscored,
    gdpo,
    grpo,
)
from parrot.core.testing.colours import BLIND, critique_by_colour, total_by_colour
from parrot.core.testing.fakes import ScriptedModel

torch = pytest.importorskip("torch", reason="needs torch")
GONE = Unscored(Failed(FailureKind.TIMEOUT, "too late"))
NAMES = ("text_faithfulness", "physical_quality")


def peer(name, inside):
    root = os.environ.get("PARROT_PEERS")
    path = Path(root or "") / name / inside
    if root is None or not path.exists():
        pytest.skip(f"needs a checkout of {name}: PARROT_PEERS names the folder it lies in")
    return path


def loaded(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def function_of(path, name, **names):
    """One function of a module, without what the module imports and its decorators."""
    tree = ast.parse(path.read_text("utf-8"))
    found = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
    found.decorator_list = []
    found.returns = None
    for argument in (*found.args.args, *found.args.kwonlyargs):
        argument.annotation = None
    space = {"torch": torch, "np": np, "defaultdict": defaultdict, **names}
    exec(compile(ast.Module([found], []), str(path), "exec"), space)  # the peer's own source
    return space[name]


def random_groups(seed, groups=6, size=5):
    rng = np.random.default_rng(seed)
    values = rng.random((groups * size, len(NAMES)))
    values[:size, 0] = 0.5  # one group is level in one dimension
    outcomes = [
        Reward(dict(zip(NAMES, map(float, row), strict=True)), float(row.mean())) for row in values
    ]
    return values, outcomes, [n // size for n in range(len(outcomes))]


def close(found, expected, tolerance):
    expected = np.asarray(expected, dtype=np.float64)
    assert np.abs(np.asarray(found, dtype=np.float64) - expected).max() < tolerance


@pytest.fixture
def flow_factory(monkeypatch):
    monkeypatch.syspath_prepend(str(peer("Flow-Factory", "src")))
    pytest.importorskip("accelerate")
    pytest.importorskip("diffusers")
    import flow_factory

    return flow_factory


class Sample:
    def __init__(self, unique_id):
        self.unique_id, self.extra_kwargs = unique_id, {}


def advantages_there(outcomes_by_name, groups, how, *, global_std=True, size=5):
    from accelerate import Accelerator
    from flow_factory.advantage import AdvantageProcessor

    weights = dict.fromkeys(outcomes_by_name, 1.0)
    there = AdvantageProcessor(
        Accelerator(cpu=True), weights, size, global_std, sampler_type="group_contiguous"
    )
    rewards = {k: torch.tensor(v, dtype=torch.float64) for k, v in outcomes_by_name.items()}
    samples = [Sample(n) for n in groups]
    return there.compute_advantages(samples, rewards, aggregation_func=how).numpy()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(5))
def test_advantages_of_flow_factory(flow_factory, seed):
    values, outcomes, groups = random_groups(seed)
    total = {"total": values.mean(axis=1)}
    each = dict(zip(NAMES, values.T, strict=True))
    close(grpo(outcomes, groups), advantages_there(total, groups, "sum", global_std=False), 1e-6)
    over_all = Deviation(Over.ALL)
    # Their deviation over all goes through float32.
    close(grpo(outcomes, groups, over_all), advantages_there(total, groups, "sum"), 1e-4)
    close(gdpo(outcomes, groups), advantages_there(each, groups, "gdpo"), 1e-4)


@pytest.mark.parametrize("repository", ["flow_grpo", "DiffusionNFT", "Edit-R1"])
@pytest.mark.parametrize("seed", range(5))
def test_advantages_of_flow_grpo_and_its_children(repository, seed):
    tracking = loaded(peer(repository, "flow_grpo/stat_tracking.py"), f"{repository}_tracking")
    values, outcomes, groups = random_groups(seed)
    prompts = [f"prompt {n}" for n in groups]
    for over_all in (False, True):
        tracker = tracking.PerPromptStatTracker(over_all)
        found = tracker.update(prompts, values.mean(axis=1))
        found = found[0] if isinstance(found, tuple) else found
        over = Over.ALL if over_all else Over.GROUP
        close(grpo(outcomes, groups, Deviation(over, 0, 0.0, 1e-4)), found, 1e-6)
    close(
        grpo(outcomes, groups, FLOW_GRPO),
        tracking.PerPromptStatTracker().update(prompts, values.mean(axis=1))[
            0 if repository == "Edit-R1" else slice(None)
        ],
        1e-6,
    )


@pytest.mark.parametrize("seed", range(5))
def test_advantages_of_ms_swift(seed):
    nanstd = function_of(peer("ms-swift", "swift/utils/torch_utils.py"), "nanstd")
    compute = function_of(
        peer("ms-swift", "swift/rl_core/advantage.py"), "compute_advantages", nanstd=nanstd
    )
    values, outcomes, groups = random_groups(seed)
    each, one = torch.tensor(values), torch.tensor(values.mean(axis=1, keepdims=True))
    ones = torch.ones(1, dtype=torch.float64)
    close(grpo(outcomes, groups, MS_SWIFT), compute(one, ones, 5)[0], 1e-6)
    batch = Deviation(Over.ALL, 1, 0.0, 1e-4)
    close(grpo(outcomes, groups, batch), compute(one, ones, 5, scale_rewards="batch")[0], 1e-6)
    tiny = Deviation(ddof=1, least=0.0, added=1e-8)
    found = gdpo(outcomes, groups, divisor=tiny, whole=Deviation(Over.ALL, 1, 0.0, 1e-8))
    twos = torch.ones(2, dtype=torch.float64)
    close(found, compute(each, twos, 5, scale_rewards="gdpo")[0], 1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_advantages_of_verl(seed):
    compute = function_of(
        peer("verl", "verl/trainer/ppo/core_algos.py"), "compute_grpo_outcome_advantage"
    )
    values, outcomes, groups = random_groups(seed)
    rewards = torch.tensor(values.mean(axis=1, keepdims=True))
    mask = torch.ones_like(rewards)
    index = np.array(groups)
    close(grpo(outcomes, groups, VERL), compute(rewards.clone(), mask, index)[0][:, 0], 1e-6)
    plain = compute(rewards.clone(), mask, index, norm_adv_by_std_in_grpo=False)[0][:, 0]
    close(grpo(outcomes, groups, Deviation(Over.NOTHING)), plain, 1e-6)
    # The one difference: a group of one gets its reward there, and 0 here.
    alone = compute(rewards[:1].clone(), mask[:1], index[:1])[0]
    assert float(alone) == pytest.approx(outcomes[0].total, rel=1e-5)
    assert grpo(outcomes[:1], groups[:1], VERL) == (0.0,)


def nan_in_one(size=4):
    """Two groups; the second member of the first has no value."""
    values = np.array([0.2, np.nan, 0.6, 0.8, 0.1, 0.3, 0.5, 0.9])
    return values, [n // size for n in range(8)]


@pytest.mark.filterwarnings("ignore")
def test_what_nan_does_in_flow_factory(flow_factory):
    values, groups = nan_in_one()
    alone = advantages_there({"r": values}, groups, "sum", global_std=False, size=4)
    assert np.isnan(alone[:4]).all()  # the whole group is lost
    assert np.isfinite(alone[4:]).all()
    assert np.isnan(advantages_there({"r": values}, groups, "sum", size=4)).all()  # global_std
    assert np.isnan(advantages_there({"r": values}, groups, "gdpo", size=4)).all()  # the batch is


def test_what_nan_does_in_flow_grpo():
    tracking = loaded(peer("flow_grpo", "flow_grpo/stat_tracking.py"), "tracking")
    values, groups = nan_in_one()
    found = tracking.PerPromptStatTracker().update(groups, values)
    assert np.isnan(found[:4]).all()
    assert np.isfinite(found[4:]).all()
    assert np.isnan(tracking.PerPromptStatTracker(True).update(groups, values)).all()  # global_std
    with pytest.raises((TypeError, RuntimeError)):
        torch.as_tensor([0.2, None])  # how flow_grpo and Flow-Factory gather rewards


def test_what_nan_does_in_ms_swift_and_verl():
    nanstd = function_of(peer("ms-swift", "swift/utils/torch_utils.py"), "nanstd")
    swift = function_of(
        peer("ms-swift", "swift/rl_core/advantage.py"), "compute_advantages", nanstd=nanstd
    )
    values, groups = nan_in_one()
    column = torch.tensor(values)[:, None]
    _, summed = swift(column, torch.ones(1, dtype=torch.float64), 4)
    assert summed[1] == 0.0  # a missing reward is the worst image
    verl = function_of(
        peer("verl", "verl/trainer/ppo/core_algos.py"), "compute_grpo_outcome_advantage"
    )
    found = verl(column.clone(), torch.ones_like(column), np.array(groups))[0][:, 0]
    assert torch.isnan(found[:4]).all()
    assert torch.isfinite(found[4:]).all()
    with pytest.raises(TypeError):
        torch.zeros(2)[0] = None  # how its reward manager writes a reward
    two = torch.tensor(np.stack([values, np.linspace(0, 1, 8)], axis=1))
    mixed, _ = swift(two, torch.ones(2, dtype=torch.float64), 4, scale_rewards="gdpo")
    assert torch.isfinite(mixed).all()


# Flow-Factory's own loader and processor over our classes.


def made(dotted, critic, accelerator, **extra):
    from flow_factory.hparams import RewardArguments
    from flow_factory.rewards.loader import load_reward_model

    settings = {"critic": critic, **extra}
    config = RewardArguments(name="parrot", reward_model=dotted, device="cpu", batch_size=4)
    config.extra_kwargs = settings
    return load_reward_model(config, accelerator), config


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["Pointwise", "Groupwise"])
def test_flow_factorys_processor_gets_our_rewards(flow_factory, monkeypatch, kind):
    from accelerate import Accelerator
    from flow_factory.rewards.reward_processor import RewardProcessor
    from flow_factory.samples import BaseSample

    from parrot.adapters.trainers import sharing
    from parrot.core import registry

    critic = ScriptedModel(critique_by_colour)
    monkeypatch.setitem(registry.MODELS, "colours", f"{__name__}:opened")
    monkeypatch.setattr(registry, "resolve", lambda _: lambda target: critic)
    monkeypatch.setattr(sharing, "_shared", {})
    accelerator = Accelerator(cpu=True)
    dotted = f"parrot.adapters.trainers.flow_factory.{kind}Reward"
    model, config = made(dotted, "colours:any", accelerator, dimension="text_faithfulness")
    total, _ = made(dotted, "colours:any", accelerator)
    samples = []
    for group in range(3):
        for n in range(4):
            red = 7 * group + 2 * n
            pixels = np.zeros((3, 8, 8), np.float32)
            pixels[0], pixels[1] = red / 255, 15 / 255
            pixels[2] = (BLIND if (group, n) == (1, 2) else 0) / 255
            samples.append(BaseSample(prompt=f"a fox {group}", image=torch.tensor(pixels)))
            samples[-1]._unique_id = group
    processor = RewardProcessor(
        accelerator,
        {"text": model, "all": total},
        {"text": config, "all": config},
        group_on_same_rank=True,
        verbose=False,
    )
    rewards = processor.compute_rewards(samples)
    reds = [7 * group + 2 * n for group in range(3) for n in range(4)]
    expected = [total_by_colour(red, 15) for red in reds]
    assert rewards["all"].tolist()[:6] == pytest.approx(expected[:6], abs=1e-6)
    assert rewards["all"].tolist()[7:] == pytest.approx(expected[7:], abs=1e-6)
    siblings = (expected[4] + expected[5] + expected[7]) / 3
    assert rewards["all"][6].item() == pytest.approx(siblings, abs=1e-6)
    assert rewards["text"].tolist()[:6] == pytest.approx([red / 30 for red in reds[:6]], abs=1e-6)
    assert len({ask.images[-1].sha256 for ask in critic.asked}) == 12


def test_flow_grpos_own_multi_score_with_our_entry(monkeypatch):
    from parrot.adapters.trainers.flow_grpo import parrot_score

    source = peer("flow_grpo", "flow_grpo/rewards.py")
    with parrot.RewardModel(
        ScriptedModel(critique_by_colour), retry=RetryPolicy(attempts=1)
    ) as model:

        def parrot_entry(device):
            return parrot_score(device, critic=model)

        names = dict.fromkeys(
            ("deqa_score_remote", "ocr_score", "imagereward_score", "pickscore_score",
             "qwenvl_score", "aesthetic_score", "jpeg_compressibility",
             "unifiedreward_score_sglang", "geneval_score"), parrot_entry)  # fmt: skip
        theirs = function_of(source, "multi_score", **names)("cpu", {"pickscore": 0.5})
        images = torch.zeros(2, 3, 8, 8)
        images[1, 0], images[:, 1] = 30 / 255, 15 / 255
        details, _ = theirs(images, ("a fox", "a fox"), ({}, {}), only_strict=True)
    assert details["pickscore"] == pytest.approx([0.25, 0.75], abs=1e-6)
    assert details["avg"] == pytest.approx([0.125, 0.375], abs=1e-6)
