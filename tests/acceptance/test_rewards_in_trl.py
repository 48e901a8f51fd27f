"""One step of TRL's own GRPOTrainer on a random tiny model, with our reward functions.

TRL does not install beside the project's pins, so this runs where it can be imported.
"""

import pytest

import parrot
from parrot.adapters.trainers.trl import critic_reward, refiner_rewards
from parrot.core.asks import Failed, FailureKind
from parrot.core.engine import RetryPolicy
from parrot.core.rewards import TRL, Deviation, Over, Reward, Unscored, gdpo, grpo
from parrot.core.testing.colours import BLIND, critique_by_colour
from parrot.core.testing.fakes import ScriptedModel, plain_image

pytest.importorskip("torch", reason="needs torch")
trl = pytest.importorskip("trl", reason="needs TRL, in an environment of its own")
pytestmark = pytest.mark.filterwarnings("ignore")

WORDS = ("a", "red", "fox", "in", "snow", "blind", "A", "B", "Tie", "Score", "so", ".")


def tiny(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, set_seed

    table = {word: n for n, word in enumerate(("<pad>", "<eos>", "<unk>", *WORDS))}
    inner = Tokenizer(models.WordLevel(table, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )
    set_seed(0)
    config = Qwen2Config(
        vocab_size=len(table),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=0,
        eos_token_id=1,
    )
    model = Qwen2ForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer


def step(folder, rewards, **more):
    """One training step; the advantages, and the rewards of each function, in TRL's own order."""
    from datasets import Dataset

    model, tokenizer = tiny(folder / "tiny")
    rows = [{"prompt": "a red fox", "request": "a red fox", "label": label} for label in "AB"]
    seen = {}

    class Watched(trl.GRPOTrainer):
        def _calculate_rewards(self, *given):
            seen["rewards"] = super()._calculate_rewards(*given)
            return seen["rewards"].clone()

        def _generate_and_score_completions(self, inputs):
            out = super()._generate_and_score_completions(inputs)
            seen["advantages"] = out["advantages"]
            return out

    trainer = Watched(
        model=model,
        reward_funcs=rewards,
        args=trl.GRPOConfig(
            output_dir=str(folder / "out"),
            per_device_train_batch_size=8,
            num_generations=4,
            max_completion_length=6,
            max_steps=1,
            report_to=[],
            use_cpu=True,
            save_strategy="no",
            seed=1,
            **more,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    trainer.train()
    assert trainer.state.global_step == 1
    return seen["rewards"].tolist(), seen["advantages"].tolist()


class Painter:
    """Red by the words that were written; who writes `blind` gets what the critic cannot see."""

    id = "painter"

    async def draw(self, request, /, *, seed, start=None):
        words = request.prompt.split()
        shade = sum(len(word) * (n + 1) for n, word in enumerate(words)) % 31
        return plain_image(shade, len(words) * 5, BLIND if "blind" in words else 0)

    async def aclose(self):
        pass


def test_a_critics_policy_takes_a_step(tmp_path):
    rewards, advantages = step(tmp_path, [critic_reward()])
    assert [row[0] for row in rewards] == [0.0] * 8  # nothing that it writes can be read yet
    assert advantages == [0.0] * 8


def test_a_refiners_advantages_are_ours(tmp_path):
    with parrot.RewardModel(
        ScriptedModel(critique_by_colour), retry=RetryPolicy(attempts=1)
    ) as model:
        rewards, advantages = step(tmp_path, refiner_rewards(model, Painter()))
    column = [row[0] for row in rewards]
    assert len(set(column)) > 3  # different completions, different rewards
    assert any(value != value for value in column)  # NaN stands for None here
    ours = grpo(outcomes([(v,) for v in column]), [0] * 4 + [1] * 4, TRL)
    assert [a or 0.0 for a in ours] == pytest.approx(advantages, abs=1e-4)


def outcomes(rows):
    gone = Unscored(Failed(FailureKind.REJECTED, "unseen"))
    return [
        gone if any(v != v for v in row) else Reward(dict(zip("ab", row, strict=False)), row[0])
        for row in rows
    ]


def test_a_function_a_dimension_is_gdpo_as_we_have_it(tmp_path):
    names = ("text_faithfulness", "physical_quality")
    with parrot.RewardModel(
        ScriptedModel(critique_by_colour), retry=RetryPolicy(attempts=1)
    ) as model:
        functions = refiner_rewards(model, Painter(), dimensions=names)
        rewards, advantages = step(
            tmp_path, functions, multi_objective_aggregation="normalize_then_sum"
        )
    whole = Deviation(Over.ALL, 1, 0.0, 1e-4)
    ours = gdpo(outcomes(rewards), [0] * 4 + [1] * 4, divisor=TRL, whole=whole)
    assert [a or 0.0 for a in ours] == pytest.approx(advantages, abs=1e-4)


def test_what_none_does_among_several_functions(tmp_path):
    """In the sum it counts as 0; normalised first, as its group's mean."""

    def one(*, completions, **_):
        return [0.1 * n for n in range(len(completions))]

    def other(*, completions, **_):
        return [None if n == 1 else 0.5 + 0.05 * n for n in range(len(completions))]

    def zero(*, completions, **_):
        return [value or 0.0 for value in other(completions=completions)]

    _, found = step(tmp_path / "a", [one, other])
    _, as_zero = step(tmp_path / "b", [one, zero])
    assert found == pytest.approx(as_zero, abs=1e-6)
    apart = {"multi_objective_aggregation": "normalize_then_sum"}
    _, found = step(tmp_path / "c", [one, other], **apart)
    _, as_zero = step(tmp_path / "d", [one, zero], **apart)
    assert found[1] > as_zero[1] + 0.1
    assert all(value == value for value in found)
