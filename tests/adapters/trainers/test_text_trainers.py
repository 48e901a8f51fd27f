"""TRL, ms-swift and verl: rewards for a policy that writes critiques or requests."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import parrot
from parrot.adapters.trainers.batches import Numbers
from parrot.adapters.trainers.ms_swift import CriticORM, refiner_orm
from parrot.adapters.trainers.trl import critic_reward, refiner_rewards
from parrot.adapters.trainers.verl import critic_score, refiner_score
from parrot.adapters.trainers.writing import (
    CriticReward,
    RefinerReward,
    refined_request,
    text_of,
)
from parrot.core.asks import FailureKind
from parrot.core.critiques import Comparison, Critique, Finding, PairFinding
from parrot.core.errors import ConfigError, RejectedError, TransientError
from parrot.core.formats import MARKUP
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.testing.colours import BLIND, total_by_colour
from parrot.core.testing.expecting import UNHURRIED
from parrot.core.testing.fakes import plain_image
from parrot.core.testing.texts import texts
from parrot.core.values import Label, Request

unhurried = settings(deadline=None, suppress_health_check=UNHURRIED)  # no clock decides

FOX = Request("a red fox")
NA = parrot.core.critiques.NA


def compared(gap, *, said="so"):
    winner = Label.A if gap > 0 else Label.B if gap < 0 else Label.TIE
    findings = [
        PairFinding(key, said, 2.0 + gap, 2.0, winner)
        for key in ("text_faithfulness", "physical_quality")
    ]
    none = PairFinding("text_rendering", "nothing to read", NA, NA, NA)
    return MARKUP.write(Comparison((*findings, none)), TEXT_TO_IMAGE)


def critiqued(faith, quality):
    findings = (
        Finding("text_faithfulness", "so", faith),
        Finding("physical_quality", "so", quality),
        Finding("text_rendering", "nothing to read", NA),
    )
    return MARKUP.write(Critique(findings), TEXT_TO_IMAGE)


def test_a_comparison_is_worth_its_agreement():
    judge = CriticReward(formed=0.2)
    worth = {
        (gap, label): judge.of_comparison(compared(gap), FOX, label)
        for gap in (1.0, 0.0, -1.0)
        for label in Label
    }
    assert worth[1.0, Label.A] == worth[-1.0, Label.B] == worth[0.0, Label.TIE] == 1.0
    assert worth[0.0, Label.A] == pytest.approx(0.6)
    assert worth[1.0, Label.B] == worth[-1.0, Label.TIE] == 0.2
    assert judge.of_comparison("A is nicer.", FOX, Label.A) == 0.0
    assert judge.of_comparison(compared(1.0)[:-150], FOX, Label.A) == 0.0
    assert judge.of_comparison(compared(1.0).replace("so", " "), FOX, Label.A) == 0.0


def test_a_critique_is_worth_its_nearness():
    judge = CriticReward()
    wanted = {"text_faithfulness": 4.0, "physical_quality": 1.0, "text_rendering": 1.0}
    assert judge.of_critique(critiqued(4.0, 1.0), FOX, wanted) == 1.0
    assert judge.of_critique(critiqued(4.0, 2.5), FOX, wanted) == pytest.approx(0.1 + 0.9 * 0.75)
    assert judge.of_critique(critiqued(1.0, 4.0), FOX, wanted) == pytest.approx(0.1)
    assert judge.of_critique("4 and 1", FOX, wanted) == 0.0
    with pytest.raises(ConfigError, match="none of the given scores"):
        judge.of_critique(critiqued(4.0, 1.0), FOX, {"style": 4.0})


@unhurried
@given(text=texts(), label=st.sampled_from(Label))
def test_whatever_is_written_is_worth_something_in_range_and_raises_nothing(text, label):
    assert 0.0 <= CriticReward().of_comparison(text, FOX, label) <= 1.0
    assert 0.0 <= CriticReward().of_critique(text, FOX, {"text_faithfulness": 3.0}) <= 1.0


def test_trl_passes_columns_by_name_and_other_completions_get_other_rewards():
    reward = critic_reward()
    assert reward.__name__ == "parrot_critic"
    completions = [compared(1.0), [{"role": "assistant", "content": compared(-1.0)}], "neither"]
    found = reward(
        prompts=["?"] * 3,
        completions=completions,
        completion_ids=[[1]] * 3,
        request=["a red fox"] * 3,
        label=["A"] * 3,
        trainer_state=None,
        log_extra=None,
        log_metric=None,
    )
    assert found == [1.0, pytest.approx(0.1), 0.0]
    scores = [{"text_faithfulness": 4.0, "physical_quality": 4.0}]
    assert reward(completions=[critiqued(4.0, 4.0)], request=["a red fox"], scores=scores) == [1.0]
    with pytest.raises(ConfigError, match="`request`"):
        reward(completions=["x"], label=["A"])
    with pytest.raises(ConfigError, match="`label` or `scores`"):
        reward(completions=["x"], request=["a red fox"])


def test_swift_and_verl_say_the_same():
    orm = CriticORM(args=None)
    assert orm([compared(1.0), "neither"], request=["a red fox"] * 2, label=["A", "A"]) == [
        1.0,
        0.0,
    ]
    info = {"request": "a red fox"}
    assert critic_score("set", compared(1.0), "A", info) == 1.0
    truth = '{"text_faithfulness": 4.0, "physical_quality": 4.0}'
    assert critic_score("set", critiqued(4.0, 4.0), truth, info) == 1.0
    for wrong in (("C", info), ("[1]", info), ("A", None)):
        with pytest.raises(ConfigError):
            critic_score("set", compared(1.0), *wrong)


class Painter:
    """Draws the colour that the request names by its length; some requests break it."""

    id = "painter"

    def __init__(self):
        self.asked = []

    async def draw(self, request, /, *, seed, start=None):
        self.asked.append((request, seed, start))
        if "break" in request.prompt:
            raise TransientError("broken")
        return plain_image(len(request.prompt), 15, BLIND if "blind" in request.prompt else 0)

    async def aclose(self):
        pass


def worth(words):
    return pytest.approx(total_by_colour(len(words), 15))


def test_a_refined_request_is_worth_its_drawing(model, critic):
    painter = Painter()
    (reward,) = refiner_rewards(model, painter, seed=5)
    said = ["a red fox in snow", "# Refined Request: a fox", "break it", "blind", "", "a fox"]
    found = reward(completions=said, prompts=["?"] * 6, request=["a red fox"] * 6)
    assert found == [worth(said[0]), worth("a fox"), None, None, None, worth("a fox")]
    assert found[0] != found[1]  # other completions, other rewards
    assert {(seed, start) for _, seed, start in painter.asked} == {(5, None)}
    assert len(painter.asked) == 4  # the fox once, the empty one never
    assert all("a red fox\n" in text or text.endswith("a red fox") for text in asked_of(critic))


def asked_of(critic):
    """What the critic was told was asked for: always the original request."""
    for ask in critic.asked:
        yield next(p for p in ask.turns[-1].parts if isinstance(p, str) and "fox" in p).strip()


def test_a_function_a_dimension_shares_drawing_and_critique(model, critic):
    painter = Painter()
    rewards = refiner_rewards(
        model, painter, dimensions=("text_faithfulness", "physical_quality", "text_rendering")
    )
    assert [one.__name__ for one in rewards] == [
        "parrot_text_faithfulness", "parrot_physical_quality", "parrot_text_rendering",
    ]  # fmt: skip
    found = [one(completions=["a fox", "blind"], request=["a fox"] * 2) for one in rewards]
    assert found == [[pytest.approx(5 / 30), None], [0.5, None], [None, None]]
    assert [request.prompt for request, _, _ in painter.asked] == ["a fox", "blind"]
    assert len(critic.asked) == 2


def test_edits_start_from_their_source(model):
    painter = Painter()
    (reward,) = refiner_rewards(model, painter)
    source = plain_image(1, 2, 3)
    found = reward(completions=["a fox"], request=["a red fox"], sources=[[source]])
    assert found == [pytest.approx(total_by_colour(5, 15, edit=True))]
    assert painter.asked[0][2] == source


def test_swift_and_verl_get_stand_ins(model):
    orm = refiner_orm(model, Painter())(None)
    found = orm(["a fox", "break", "a red foxes"], request=["a fox"] * 3)
    assert found[1] == pytest.approx((found[0] + found[2]) / 2)
    score = refiner_score(model, Painter())
    first = score("set", "a fox", None, {"request": "a fox"})
    second = score("set", "break", None, {"request": "a fox"})
    assert (first["score"], first["imputed"]) == (worth("a fox"), False)
    assert (second["score"], second["imputed"]) == (first["score"], True)
    assert set(first) == set(second) >= {"text_faithfulness", "image_faithfulness"}


def test_texts_of_completions():
    parts = [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        }
    ]
    assert text_of(parts) == "ab"
    with pytest.raises(ConfigError):
        text_of(17)
    assert refined_request("## Refinement Comments: x\n## Refined Request:\n a fox ") == "a fox"


@pytest.mark.parametrize(
    "before", ["Stra\u00dfe, Fu\u00df, gro\u00df", "\u0130" * 7, "\ufb01ne", ""]
)
def test_a_refined_request_is_whole_whatever_stands_before_it(before):
    assert refined_request(f"{before}\nREFINED REQUEST: a red fox") == "a red fox"
    assert refined_request(f"Refined Request: no\nRefined request: {before} yes").endswith("yes")


def test_columns_as_they_come_from_a_table():
    critic = critic_reward()
    texts, asked = [critiqued(3.0, 3.0)], ["a red fox"]
    # A table that knows a dimension in one row has it in all, as None.
    given = {"request": asked, "scores": [{"text_faithfulness": 3, "physical_quality": None}]}
    assert critic(completions=texts, **given) == [1.0]
    with pytest.raises(ConfigError, match="numbers by dimension"):
        critic(completions=texts, request=asked, scores=[{"text_faithfulness": "good"}])
    with pytest.raises(ConfigError, match="A, B or TIE, not 'left'"):
        critic(completions=texts, request=asked, label=["left"])


def test_an_unscored_drawing_is_none_for_every_function(model):
    error = RejectedError("content policy")

    class Once:
        id, drawn = "fake:once", 0

        async def draw(self, request, /, *, seed, start=None):
            self.drawn += 1
            if self.drawn == 1:
                raise error
            return plain_image(30, 0, 0)

    names = ("text_faithfulness", "physical_quality")
    generator = Once()
    first, second = refiner_rewards(model, generator, dimensions=names)
    given = {"completions": ["a fox"], "request": ["a red fox"]}
    assert (first(**given), second(**given)) == ([None], [None])
    assert generator.drawn == 1
    assert first(**given) != [None]  # asked for again, it is tried again
    batch = RefinerReward(Numbers(model), Once()).batch(["a fox"], [FOX])
    assert batch.outcomes[0].failure.kind is FailureKind.REJECTED
