"""The conformance suites of models: one ask at a time (`check_model`) and many (`check_batch_model`)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from parrot.core.asks import Ask, Failed, Finish, Reply, Sampling, TokenLogprob, Turn, Until
from parrot.core.errors import ImageError, ModelError
from parrot.core.interfaces import BatchModel, ChatModel, Counting, Profile
from parrot.core.testing.expecting import expect, run_alone
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Image

T = TypeVar("T")
Answered = Reply | ModelError | ImageError
CALM = Sampling(temperature=0.0, max_tokens=16)
PICTURE = plain_image(200, 40, 40)
_MISTAKEN = "{prompt} <image> <|im_end|> [[A>B]] </think> \\ % \0"


def text_ask(text: str = "Say one word.", sampling: Sampling = CALM, sample: int = 0) -> Ask:
    """An ask of one text."""
    return Ask((Turn("user", (text,)),), sampling, sample)


def _asks(profile: Profile) -> Iterator[tuple[str, Ask]]:
    """Asks of every shape that a model must take, each with what is odd about it."""
    yield "one text", text_ask()
    yield "an empty text", text_ask("")
    yield "characters beyond 16 bits", text_ask("🦜 猫 \u0301 é")
    yield "text that looks like a template", text_ask(_MISTAKEN)
    yield "4,000 characters", text_ask("word " * 800)
    talk = (Turn("system", ("Be brief.",)), Turn("user", ("Hi", "there")))
    yield "a system turn and two texts in a row", Ask(talk, CALM)
    more = (*talk, Turn("assistant", ("Hello.",)), Turn("user", ("Once more.",)))
    yield "a conversation", Ask(more, CALM)
    yield "a schema", Ask(talk, CALM, schema={"type": "object", "properties": {}})
    yield "an end at the last score", Ask(talk, CALM, until=Until.SCORES, last_score="Last")
    yield "another sample", text_ask(sample=3)
    if profile.seed:
        yield "a seed", text_ask(sampling=Sampling(0.5, seed=7, max_tokens=16))
    if profile.images:
        for name, parts in _pictures().items():
            yield name, Ask((Turn("user", parts),), CALM)


def _pictures() -> dict[str, tuple[str | Image, ...]]:
    others = tuple(plain_image(10 * n, 99, 0) for n in range(20))
    return {
        "an image alone": (PICTURE,),
        "text, image, text": ("Look:", PICTURE, "What is it?"),
        "images first": (PICTURE, others[0], "Which is redder?"),
        "the same image twice": (PICTURE, PICTURE, "Are they equal?"),
        "20 images": (*others, "How many?"),
    }


def check_model(
    make_model: Callable[[], ChatModel], *, deterministic: bool = True, patience_s: float = 60.0
) -> None:
    """Asserts what every ChatModel must do; `make_model` gives a new one each time.

    deterministic: equal asks at temperature 0 get equal texts. patience_s: after so many seconds a
    call counts as hanging. Not to be called from a running event loop.
    """
    run_alone(lambda: _check_model(make_model, deterministic=deterministic, patience_s=patience_s))


async def _check_model(
    make_model: Callable[[], ChatModel], *, deterministic: bool, patience_s: float
) -> None:
    model, again = make_model(), make_model()
    check_identity(model, again)
    await _patient(again.aclose(), patience_s, "aclose() before any ask")
    try:
        for name, ask in _asks(model.profile):
            got = await _answer(model, ask, patience_s, name)
            check_answer(got, ask, name)
            check_count(model, got, ask, name)
        await _check_answers(model, patience_s)
        for ask in _unable(model.profile):
            got = await _answer(model, ask, patience_s, "an ask beyond the profile")
            said = f"an ask for {model.profile.lacking(ask)} that the profile lacks must be refused"
            expect(isinstance(got, ModelError), f"{said}, not answered with {got!r}")
        await _check_logprobs(model, patience_s)
        await _check_failures(model, patience_s)
        await _check_together(model, patience_s, deterministic=deterministic)
        await _check_cancelled(model, patience_s)
    finally:
        await _patient(model.aclose(), patience_s, "aclose()")
    await _patient(model.aclose(), patience_s, "a second aclose()")


async def _check_answers(model: ChatModel, seconds: float) -> None:
    """A model may refuse what is odd, but not everything."""
    plain = {"one text": text_ask()}
    if model.profile.images:
        plain["text, image, text"] = Ask((Turn("user", _pictures()["text, image, text"]),), CALM)
    for name, ask in plain.items():
        got = await _answer(model, ask, seconds, name)
        expect(isinstance(got, Reply), f"{name} must be answered, not met with {got!r}")


def check_identity(model: ChatModel | BatchModel, again: ChatModel | BatchModel) -> None:
    """Asserts that the id is a stable name that holds no URL, and the profile a Profile."""
    expect(isinstance(model.id, str) and model.id, f"id must be a name, not {model.id!r}")
    expect(model.id == model.id, "id differs from one reading to the next")
    expect(model.id == again.id, f"two of one model differ in id: {model.id!r}, {again.id!r}")
    expect("://" not in model.id, f"id must not hold a URL: {model.id!r}")
    expect(isinstance(model.profile, Profile), f"profile must be a Profile: {model.profile!r}")


def check_answer(got: object, ask: Ask, name: str) -> None:
    """Asserts that what came for an ask is a sound Reply, or an error of ours."""
    if isinstance(got, ModelError | ImageError | Failed):
        return
    expect(isinstance(got, Reply), f"{name}: reply must be a Reply, not {got!r}")
    assert isinstance(got, Reply)
    expect(isinstance(got.text, str), f"{name}: the text of a reply is a str, not {got.text!r}")
    expect(isinstance(got.finish, Finish), f"{name}: finish must be a Finish, not {got.finish!r}")
    early = got.finish is Finish.SCORES and ask.until is Until.END
    expect(not early, f"{name}: stopped after the scores, which the ask does not allow")
    if ask.sampling.top_logprobs is None:
        expect(got.logprobs is None, f"{name}: log-probabilities that were not asked for")


def check_count(model: object, got: object, ask: Ask, name: str) -> None:
    """Asserts that a model that counts an ask's tokens counts what its reply's usage says."""
    if isinstance(model, Counting) and isinstance(got, Reply):
        told = model.prompt_tokens(ask)
        said = f"{name}: prompt_tokens says {told}, the reply's usage {got.usage.prompt}"
        expect(told == got.usage.prompt, said)


async def _patient(work: Awaitable[T], seconds: float, name: str) -> T:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"{name}: no end within {seconds:g} s") from None


async def _answer(model: ChatModel, ask: Ask, seconds: float, name: str) -> Answered:
    try:
        return await _patient(model.reply(ask), seconds, name)
    except (ModelError, ImageError) as error:
        return error
    except AssertionError:
        raise
    except Exception as error:  # whatever else it raises is what the suite is looking for
        said = f"{name}: reply() may raise ModelError or ImageError, not {error!r}"
        raise AssertionError(said) from error


def _unable(profile: Profile) -> Iterator[Ask]:
    asks = (
        text_ask(sampling=Sampling(0.5, seed=1, max_tokens=16)),
        text_ask(sampling=Sampling(0.0, max_tokens=16, top_logprobs=3)),
        Ask((Turn("user", ("Look:", PICTURE)),), CALM),
    )
    return (ask for ask in asks if profile.lacking(ask))


async def _check_logprobs(model: ChatModel, seconds: float) -> None:
    if not model.profile.logprobs:
        return
    ask = text_ask(sampling=Sampling(0.0, max_tokens=16, top_logprobs=3))
    got = await _answer(model, ask, seconds, "log-probabilities")
    if isinstance(got, Reply):
        said = "the profile promises log-probabilities, the reply has none"
        expect(isinstance(got.logprobs, tuple), said)
        for token in got.logprobs or ():
            expect(isinstance(token, TokenLogprob), f"not a TokenLogprob: {token!r}")
            expect(token.logprob <= 1e-6, f"a log-probability above 0: {token!r}")


async def _check_failures(model: ChatModel, seconds: float) -> None:
    """Broken images are errors of ours or go unread, and the model goes on."""
    if model.profile.images:
        for name, image in broken_images().items():
            check_answer(await _answer(model, picture_ask(image), seconds, name), text_ask(), name)
    check_answer(await _answer(model, text_ask(), seconds, "after failures"), text_ask(), "after")


def broken_images() -> dict[str, Image]:
    """Images that cannot be opened: changed, absent, and no image at all."""
    return {
        "an image whose bytes changed": Image("0" * 64, "image/png", PICTURE.source),
        "an image that is not there": Image("1" * 64, "image/png", "absent/absent.png"),
        "bytes that are no image": Image(hashlib.sha256(b"x").hexdigest(), "image/png", b"x"),
    }


def picture_ask(image: Image) -> Ask:
    """An ask with one image."""
    return Ask((Turn("user", ("Look:", image)),), CALM)


async def _check_together(model: ChatModel, seconds: float, *, deterministic: bool) -> None:
    """Asks at once get the answers that they get one by one."""
    asks = [text_ask(f"Repeat the number {n}.") for n in range(8)]
    calls = (_answer(model, ask, seconds, "eight asks at once") for ask in asks)
    together = await asyncio.gather(*calls)
    for ask, got in zip(asks, together, strict=True):
        check_answer(got, ask, "eight asks at once")
        one = await _answer(model, ask, seconds, "the same alone")
        if deterministic and isinstance(got, Reply) and isinstance(one, Reply):
            said = f"asked among others {got.text!r}, asked alone {one.text!r}"
            expect(got.text == one.text, f"answers mix or vary: {said}")


async def _check_cancelled(model: ChatModel, seconds: float) -> None:
    """A call that is given up, before or after it began, harms no later one."""
    for turns_of_the_loop in (0, 1, 5):
        task = asyncio.ensure_future(model.reply(text_ask("to be given up")))
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=seconds)
        expect(task.done(), "a cancelled reply() does not end")
        await asyncio.gather(task, return_exceptions=True)
        check_answer(
            await _answer(model, text_ask(), seconds, "after a cancelled call"),
            text_ask(),
            "after a cancelled call",
        )


def check_batch_model(make_model: Callable[[], BatchModel], *, deterministic: bool = True) -> None:
    """Asserts what every BatchModel must do: order, independence, and failures of one ask alone.

    deterministic: an ask at temperature 0 gets the same text in any batch.
    """
    model = make_model()
    check_identity(model, make_model())
    try:
        named = list(_asks(model.profile))
        asks = [ask for _, ask in named]
        whole = _batch(model, asks)
        for (name, ask), got in zip(named, whole, strict=True):
            check_answer(got, ask, name)
        expect(isinstance(whole[0], Reply), f"one text must be answered, not met with {whole[0]!r}")
        expect(list(_batch(model, [])) == [], "no asks must give no answers")
        _check_alone(model, asks, whole, deterministic=deterministic)
        _check_spoilt(model, deterministic=deterministic)
        for ask in _unable(model.profile):
            (got,) = _batch(model, [ask])
            lacks = model.profile.lacking(ask)
            expect(isinstance(got, Failed), f"what needs {lacks} must fail, not get {got!r}")
    finally:
        model.close()
    model.close()


def _batch(model: BatchModel, asks: Sequence[Ask]) -> Sequence[Reply | Failed]:
    try:
        got = model.reply_batch(asks)
    except Exception as error:  # a failure must be that ask's value, never the batch's end
        raise AssertionError(f"reply_batch() must not raise: {error!r}") from error
    expect(isinstance(got, Sequence), f"reply_batch() must give a sequence, not {got!r}")
    expect(len(got) == len(asks), f"{len(asks)} asks got {len(got)} answers")
    for answer in got:
        expect(isinstance(answer, Reply | Failed), f"an answer is a Reply or Failed: {answer!r}")
    return got


def _check_alone(
    model: BatchModel, asks: Sequence[Ask], whole: Sequence[Reply | Failed], *, deterministic: bool
) -> None:
    for ask, among in zip(asks, whole, strict=True):
        (alone,) = _batch(model, [ask])
        if deterministic and isinstance(among, Reply) and isinstance(alone, Reply):
            said = f"in a batch {among.text!r}, alone {alone.text!r}"
            hot = ask.sampling.temperature > 0
            expect(hot or among.text == alone.text, f"answers are out of order or vary: {said}")


def _check_spoilt(model: BatchModel, *, deterministic: bool) -> None:
    """An ask that cannot be answered takes no other one down."""
    if not model.profile.images:
        return
    good = [text_ask(f"Repeat the number {n}.") for n in range(3)]
    sound = _batch(model, good)
    for name, image in broken_images().items():
        mixed = _batch(model, [good[0], picture_ask(image), *good[1:]])
        kept = [mixed[0], *mixed[2:]]
        for before, now in zip(sound, kept, strict=True):
            expect(type(before) is type(now), f"{name} takes other asks of its batch down")
            if deterministic and isinstance(before, Reply) and isinstance(now, Reply):
                expect(before.text == now.text, f"{name} changes other answers of its batch")
