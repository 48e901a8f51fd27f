"""flow_grpo, DiffusionNFT, Edit-R1, Flow-Factory, Pref-GRPO, DanceGRPO: their call forms.

Against their own code: `tests/acceptance/test_rewards_in_trainers.py`.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image as Pillow

from parrot.adapters.trainers import flow_factory
from parrot.adapters.trainers.batches import Numbers
from parrot.adapters.trainers.edit_r1 import direct_reward, mllm_parrot
from parrot.adapters.trainers.flow_grpo import multi_score, parrot_score
from parrot.adapters.trainers.pref_grpo import RewardDispatcher, dance_reward
from parrot.adapters.trainers.sharing import numbers_of, reward_model, share_of
from parrot.backends.images import pixels
from parrot.core.errors import ConfigError, UnscoredError
from parrot.core.rewards import Unscored
from parrot.core.testing.colours import BLIND, total_by_colour
from parrot.core.testing.fakes import plain_image

FOX, CAT = "a red fox", "a blue cat"


def drawn(red, green=15, blue=0):
    return plain_image(red, green, blue)


def source():
    return plain_image(1, 2, 3)


def unit(red, green, *, edit=False):
    return pytest.approx(total_by_colour(red, green, edit=edit))


def nchw(*images):
    return np.stack([np.asarray(pixels(one)) for one in images]).transpose(0, 3, 1, 2) / np.float32(
        255
    )


def test_multi_score_in_their_call(model):
    reward_fn = multi_score("cuda", {model: 1.0})
    images = nchw(drawn(0), drawn(30), drawn(9))
    with ThreadPoolExecutor(2) as executor:
        asked = executor.submit(reward_fn, images, (FOX, FOX, CAT), [{}] * 3, only_strict=True)
        details, rest = asked.result()
    assert rest == {}
    assert details["avg"] == details["parrot0"] == [unit(0, 15), unit(30, 15), unit(9, 15)]
    assert details["text_faithfulness"] == [0.0, 1.0, pytest.approx(0.3)]
    assert details["text_rendering"] == [1.0] * 3
    assert details["imputed"] == [0.0] * 3
    assert all(len(column) == 3 for column in details.values())


def test_weights_and_several_critics(model):
    details, _ = multi_score(None, {model: 0.5})(nchw(drawn(30)), [FOX], [{}])
    assert details["avg"] == [pytest.approx(0.375)]
    with pytest.raises(ConfigError, match="at least one"):
        multi_score(None, {})


def test_edits_are_scored_against_their_sources(model, critic):
    refs = [Pillow.fromarray(np.asarray(pixels(source())))] * 2
    details, _ = multi_score("cpu", {model: 1.0})(
        nchw(drawn(30), drawn(0)), [FOX] * 2, [{}] * 2, refs
    )
    assert details["avg"] == [unit(30, 15, edit=True), unit(0, 15, edit=True)]
    assert details["image_faithfulness"] == [1.0, 0.0]
    assert {len(ask.images) for ask in critic.asked} == {2}
    several = [[refs[0], refs[0]], [refs[0]]]
    multi_score("cpu", {model: 1.0})(nchw(drawn(3), drawn(4)), [FOX] * 2, [{}] * 2, several)
    assert {len(ask.images) for ask in critic.asked} == {2, 3}


def test_a_failure_gets_its_groups_mean_and_is_marked(model):
    images = [drawn(0), drawn(30), drawn(9, 15, BLIND), drawn(15), drawn(8, 15, BLIND)]
    prompts = [FOX, FOX, FOX, CAT, "a green owl"]
    details, _ = multi_score(None, {model: 1.0})(images, prompts, None)
    known = [v for v, mark in zip(details["avg"], details["imputed"], strict=True) if not mark]
    assert details["imputed"] == [0.0, 0.0, 1.0, 0.0, 1.0]
    assert details["avg"][2] == pytest.approx(sum(details["avg"][:2]) / 2)
    assert details["avg"][4] == pytest.approx(sum(known) / 3)
    assert not any(math.isnan(v) for column in details.values() for v in column)


def test_the_same_prompt_on_other_sources_is_another_group(model):
    images = [drawn(0), drawn(3, 15, BLIND), drawn(30)]
    sources = [[drawn(1)], [drawn(2)], [drawn(2)]]
    found = Numbers(model).batch([FOX] * 3, images, sources)
    assert len(set(found.keys)) == 2
    assert Numbers(model).totals(found).values[1] == unit(30, 15, edit=True)


def test_nothing_was_ever_scored_is_said_and_not_made_up(model):
    with pytest.raises(UnscoredError, match="none of 2"):
        multi_score(None, {model: 1.0})([drawn(1, 1, BLIND), drawn(2, 1, BLIND)], [FOX] * 2)


def test_pixels_that_are_nan_are_their_images_own_failure(model):
    images = nchw(drawn(0), drawn(30))
    images[0] = np.nan
    batch = Numbers(model).batch([FOX, FOX], images)
    assert isinstance(batch.outcomes[0], Unscored)
    assert batch.totals() == (None, unit(30, 15))


def test_as_many_prompts_as_images(model):
    with pytest.raises(ConfigError, match="2 prompts, 1 images"):
        Numbers(model).batch([FOX, FOX], [drawn(1)])


def test_one_entry_of_their_own_table(model):
    def factory(device):
        return parrot_score(device, critic=model)

    assert "device" in factory.__code__.co_varnames
    assert factory("cpu")(nchw(drawn(30)), (FOX,), [{}]) == ([unit(30, 15)], {})


def test_edit_r1s_entry_gets_sources_first_and_is_told_requirements(model, critic):
    score = mllm_parrot(model)("cuda")
    scores, rest = score(
        [source()] * 2, nchw(drawn(30), drawn(0)), [FOX] * 2, [{"requirement": "keep"}, {}]
    )
    assert (scores, rest) == ([unit(30, 15, edit=True), unit(0, 15, edit=True)], {})
    texts = [
        "\n".join(p for p in ask.turns[-1].parts if isinstance(p, str)) for ask in critic.asked
    ]
    assert sorted("keep" in text for text in texts) == [False, True]


def test_direct_reward_counts_image_faithfulness(model):
    fn = direct_reward(model)
    scores, kept = fn(nchw(drawn(30)), [FOX], [{}], [source()], only_strict=True, batch_size=32)
    assert (scores, kept) == ({"avg": [unit(30, 15, edit=True)]}, [None])


def test_flow_factorys_scorer_by_dimension(monkeypatch, model):
    scorer = flow_factory.Scorer(Numbers(model), "text_faithfulness")
    rewards, extra = scorer([FOX, FOX], [drawn(30), drawn(0, 15, BLIND)], None)
    assert rewards == [1.0, 1.0]
    assert extra == {"imputed": [False, True]}
    with pytest.raises(ConfigError, match="critic"):
        flow_factory.scorer_of({"dimension": "total"})
    with pytest.raises(ConfigError, match="agregate"):
        flow_factory.scorer_of({"critic": "miniature:teacher", "agregate": "worst"})
    one, other = (
        flow_factory.scorer_of({"critic": "miniature:teacher", "dimension": name})
        for name in ("text_faithfulness", "physical_quality")
    )
    assert one.numbers is other.numbers  # one critique serves both
    with pytest.raises(AttributeError):
        flow_factory.Nothing  # noqa: B018


def test_pref_grpo_gets_tensors_by_name(model, tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch")
    items = []
    for n, red in enumerate((0, 30)):
        path = tmp_path / f"{n}.png"
        path.write_bytes(drawn(red).source)
        items.append({"path": str(path), "prompt": FOX})
    tensors, logged = RewardDispatcher({"parrot": model}).compute_rewards({"parrot": items})
    assert tensors["parrot"].dtype == torch.float32
    assert tensors["parrot"].tolist() == [unit(0, 15), unit(30, 15)]
    assert logged["parrot/text_faithfulness"] == [0.0, 1.0]
    edit = {"edited_path": items[1]["path"], "source_path": items[0]["path"], "instruction": FOX}
    tensors, _ = RewardDispatcher({"parrot": model}).compute_rewards({"parrot": [edit]})
    assert tensors["parrot"].tolist() == [unit(30, 15, edit=True)]
    for wrong in ({"other": items}, {"parrot": []}):
        with pytest.raises(ConfigError):
            RewardDispatcher({"parrot": model}).compute_rewards(wrong)


def test_dance_grpo_concatenates_one_at_a_time(model):
    torch = pytest.importorskip("torch", reason="needs torch")
    reward = dance_reward(model)
    scores = torch.cat([reward(drawn(red), FOX) for red in (0, 30)])
    assert scores.tolist() == [unit(0, 15), unit(30, 15)]
    assert reward([drawn(0), drawn(30)], [FOX]).shape == (2,)


def test_settings_of_a_file(tmp_path):
    with reward_model("miniature:teacher", aggregate="worst", form="pairwise", rivals=2) as made:
        assert (made.how.form.value, made.how.rivals) == ("pairwise", 2)
    for wrong in ({"form": "pair"}, {"layout": "x"}, {"reply_format": "x"}, {"rubric": "nowhere"}):
        with pytest.raises(ConfigError):
            reward_model("miniature:teacher", **wrong)
    with pytest.raises(ConfigError, match="kind:target"):
        numbers_of("teacher")
    with pytest.raises(ConfigError, match="has its own"):
        numbers_of(made, samples=2)


def test_ranks_divide_the_concurrency():
    assert share_of(64, {}) == 64
    assert share_of(64, {"WORLD_SIZE": "8"}) == 8
    assert share_of(4, {"WORLD_SIZE": "8"}) == 1
    assert share_of(64, {"WORLD_SIZE": "many"}) == 64


def test_a_hundred_batches_of_sixty_four_from_threads(model):
    images = [drawn(n % 31, n // 31) for n in range(64)]
    scorer = flow_factory.Scorer(Numbers(model))
    expected = [unit(n % 31, n // 31) for n in range(64)]
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(scorer, [FOX] * 64, images, None) for _ in range(100)]
        assert all(one.result()[0] == expected for one in asked)
    assert model.metrics["asks/sent"] == 64


def test_bytes_are_sent_as_they_are(model, critic):
    Numbers(model).batch([FOX], [drawn(3).source])
    assert critic.asked[0].images == (drawn(3),)


SIGN = 'a sign that says "HELLO"'


def test_a_dimension_that_does_not_apply_stands_in_for_none_that_is_missing(model):
    # No critique by colour has a text score, so the sign lacks one and the foxes need none.
    numbers = Numbers(model)
    batch = numbers.batch([FOX, FOX, SIGN], [drawn(15), drawn(15), drawn(0)])
    assert batch.values("text_rendering") == (1.0, 1.0, None)
    for _ in range(2):  # nor does the running mean learn of them
        found = numbers.values(batch, "text_rendering")
        assert found.values == (1.0, 1.0, numbers.totals(batch).values[2])
        assert found.values[2] < 0.9
        assert found.marks == (False, False, True)
