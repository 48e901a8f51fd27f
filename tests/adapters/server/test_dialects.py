"""The server's forms over real HTTP: our own, Flow-Factory's, UniRL's, Edit-R1's and OpenAI's."""

import asyncio
import base64
import pickle
import threading

import pytest

import parrot
from parrot.core.asks import Reply, TokenLogprob, Usage
from parrot.core.errors import AccessError, RejectedError, TimedOutError
from parrot.core.testing.colours import BLIND, critique_by_colour, total_by_colour
from parrot.core.testing.fakes import ScriptedModel, plain_image

httpx = pytest.importorskip("httpx", reason="needs httpx")
FOX = "a red fox"


def sent(red, green=15, blue=0):
    return base64.b64encode(plain_image(red, green, blue).source).decode()


def unit(red, green=15, *, edit=False):
    return pytest.approx(total_by_colour(red, green, edit=edit), abs=1e-9)


def post(served, path, body, **more):
    return httpx.post(served.url + path, json=body, timeout=30, **more)


def items(*images, **more):
    return {"items": [{"prompt": FOX, "image": image} for image in images], **more}


def test_rewards_by_dimension_and_an_error_an_item(served):
    body = items(sent(0), sent(30), sent(9, 15, BLIND))
    body["items"][1]["sources"] = [sent(1), sent(2)]
    answer = post(served, "/score", body)
    assert answer.status_code == 200
    assert answer.json()["model"] == "fake:scripted"
    plain, edit, failed = answer.json()["results"]
    assert (plain["total"], plain["error"]) == (unit(0), None)
    assert plain["dimensions"] == {"text_faithfulness": 0.0, "physical_quality": 0.5}
    assert edit["total"] == unit(30, edit=True)
    assert edit["dimensions"]["image_faithfulness"] == 1.0
    assert failed == {
        "total": None,
        "dimensions": {},
        "error": {"kind": "rejected", "detail": "cannot see it"},
    }


def test_critiques_on_request(served):
    (found,) = post(served, "/score", items(sent(3), critiques=True)).json()["results"]
    (critique,) = found["critiques"]
    assert [one["dimension"] for one in critique["findings"]] == [
        "text_faithfulness", "physical_quality", "text_rendering",
    ]  # fmt: skip
    assert "critiques" not in post(served, "/score", items(sent(3))).json()["results"][0]


def test_flow_factory(served):
    assert httpx.get(f"{served.url}/health").json()["status"] == "ok"
    body = {
        "prompt": [FOX, FOX, FOX],
        "image": [sent(0), sent(30), sent(4, 15, BLIND)],
        "video": None,
        "condition_images": None,
        "condition_videos": None,
    }
    answer = post(served, "/compute", body).json()
    assert answer["rewards"][:2] == [unit(0), unit(30)]
    assert answer["rewards"][2] == pytest.approx((answer["rewards"][0] + answer["rewards"][1]) / 2)
    assert answer["imputed"] == [False, False, True]
    body["condition_images"] = [[sent(1)], [sent(1), sent(2)], []]
    assert post(served, "/compute", body).json()["rewards"][:2] == [
        unit(0, edit=True), unit(30, edit=True),
    ]  # fmt: skip


def test_nothing_scored_yet_is_503_and_never_a_made_up_number(serve):
    with serve(ScriptedModel(critique_by_colour)) as served:
        answer = post(served, "/compute", {"prompt": [FOX], "image": [sent(1, 1, BLIND)]})
    assert answer.status_code == 503
    assert "cannot see it" in answer.json()["error"]


def test_unirl(served):
    assert httpx.get(f"{served.url}/rewards").json() == {"rewards": ["parrot"]}

    def asked(*history):
        turns = [{"text": text, "image_b64": image} for text, image in history]
        return {"history": turns, "required_rewards": ["parrot"], "metadata": {"id": 3}}

    requests = [
        asked((FOX, sent(0))),
        asked((FOX, sent(1)), (FOX, sent(30))),
        asked((FOX, sent(9, 15, BLIND))),
    ]
    answer = post(served, "/score", {"requests": requests}).json()
    assert answer["results"][0]["parrot"] == {
        "total": unit(0), "text_faithfulness": 0.0, "physical_quality": 0.5,
    }  # fmt: skip
    assert answer["results"][1]["parrot"]["total"] == unit(30, edit=True)
    assert answer["results"][2] == {}
    assert answer["errors"] == [{}, {}, {"parrot": "rejected: cannot see it"}]
    assert post(served, "/score", {"requests": []}).json() == {"results": [], "errors": []}
    unknown = asked((FOX, sent(0))) | {"required_rewards": ["hps"]}
    video = {
        "history": [{"text": FOX, "video_path": "/etc/passwd"}],
        "required_rewards": ["parrot"],
    }
    for wrong in (unknown, video):
        assert post(served, "/score", {"requests": [wrong]}).status_code == 400


def pickled(served, body, **more):
    content = body if isinstance(body, bytes) else pickle.dumps(body, **more)
    return httpx.post(f"{served.url}/mode/logits_non_cot", content=content, timeout=30)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_edit_r1_in_its_own_pickles(served, protocol):
    body = {
        "images": [plain_image(0, 15, 0).source, plain_image(30, 15, 0).source],
        "ref_images": [plain_image(1, 2, 3).source] * 2,
        "prompts": [FOX] * 2,
        "metadatas": [{"requirement": "keep the hat"}, {}],
    }
    if protocol == 2:  # bytes are a call of a codec there, and calls are not made
        assert pickled(served, body, protocol=2).status_code == 400
        return
    answer = pickled(served, body, protocol=protocol)
    assert answer.status_code == 200
    assert pickle.loads(answer.content) == {"scores": [unit(0, edit=True), unit(30, edit=True)]}
    asked = next(ask for ask in served.critic.asked if "keep the hat" in str(ask.turns))
    assert len(asked.images) == 2


def test_pickles_only_on_request(serve):
    with serve(ScriptedModel(critique_by_colour)) as served:
        assert pickled(served, {"images": [], "prompts": []}).status_code == 403


def messages(*parts):
    content = [
        {"type": "image_url", "image_url": {"url": part}}
        if part.startswith(("data:", "http", "file:"))
        else {"type": "text", "text": part}
        for part in parts
    ]
    return {"model": "any", "messages": [{"role": "user", "content": content}]}


def test_the_openai_client_gets_answers(served):
    import openai

    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["fake:scripted"]
        said = messages("look", f"data:image/png;base64,{sent(3)}")
        answer = client.chat.completions.create(**said, temperature=0.0)
        assert answer.choices[0].message.content.startswith("# Detailed Judgement")
        assert answer.choices[0].finish_reason == "stop"
        events = list(client.chat.completions.create(**said, stream=True))
        text = "".join(e.choices[0].delta.content or "" for e in events if e.choices)
        assert text == answer.choices[0].message.content
        with pytest.raises(openai.BadRequestError, match="data: URLs"):
            client.chat.completions.create(**messages("look", "http://localhost/fox.png"))
        with pytest.raises(openai.BadRequestError, match="one completion"):
            client.chat.completions.create(**said, n=2)


def test_our_own_backend_reaches_our_own_server(served):
    from parrot.core.rewards import Drawing
    from parrot.core.values import Request

    with parrot.RewardModel(f"openai:any@{served.url}/v1") as model:
        drawings = [Drawing(Request(FOX), plain_image(red, 15, 0)) for red in (0, 30)]
        assert [one.total for one in model(drawings)] == [unit(0), unit(30)]


def test_chance_gives_every_request_its_own_sample_and_none_gives_one(served):
    before = len(served.critic.asked)
    said = messages("look", f"data:image/png;base64,{sent(29, 29)}")
    for temperature in (0.7, 0.7, 0.0, 0.0):
        assert post(served, "/v1/chat/completions", {**said, "temperature": temperature}).is_success
    samples = [ask.sample for ask in served.critic.asked[before:]]
    assert len(samples) == 3
    assert samples.count(0) == 1


def test_what_a_client_asks_for_reaches_the_critic(serve):
    def script(ask):
        return Reply(
            "yes", usage=Usage(3, 0, 1), logprobs=(TokenLogprob("yes", -0.1, (("no", -2.4),)),)
        )

    with serve(ScriptedModel(script)) as served:
        body = {
            "messages": [{"role": "system", "content": "be short"}, {"role": "user", "content": "?"}],
            "top_p": 0.9, "seed": 4, "max_tokens": 5, "logprobs": True, "top_logprobs": 1,
            "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
        }  # fmt: skip
        answer = post(served, "/v1/chat/completions", body).json()
        (ask,) = served.critic.asked
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    (token,) = answer["choices"][0]["logprobs"]["content"]
    assert (token["token"], token["top_logprobs"][0]["token"]) == ("yes", "no")
    how = ask.sampling
    assert (how.top_p, how.seed, how.max_tokens, how.top_logprobs) == (0.9, 4, 5, 1)
    assert ask.schema == {"type": "object"}
    assert [turn.role for turn in ask.turns] == ["system", "user"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(RejectedError("no"), 400), (TimedOutError("late"), 504), (AccessError("key"), 503)],
)
def test_a_critics_failure_is_a_status(serve, error, status):
    with serve(ScriptedModel(lambda _: error)) as served:
        answer = post(served, "/v1/chat/completions", messages("look"))
        assert answer.status_code == status
        assert answer.json()["error"]["message"]
        scored = post(served, "/score", items(sent(1)))
    if status == 503:
        assert scored.status_code == 503
    else:
        assert scored.json()["results"][0]["error"]["kind"] in {"rejected", "timeout"}


def test_batches_of_many_clients_are_one_queue(serve):
    together, waiting = threading.Event(), []

    class Slow(ScriptedModel):
        async def reply(self, ask, /):
            waiting.append(ask)
            if len(waiting) == 12:
                together.set()
            await asyncio.to_thread(together.wait, 30)
            return await super().reply(ask)

    async def main(url):
        async with httpx.AsyncClient(timeout=30) as client:
            bodies = [items(sent(3 * n), sent(3 * n + 1), sent(3 * n + 2)) for n in range(4)]
            return await asyncio.gather(*(client.post(f"{url}/score", json=b) for b in bodies))

    with serve(Slow(critique_by_colour)) as served:
        answers = asyncio.run(main(served.url))
    for n, answer in enumerate(answers):
        totals = [one["total"] for one in answer.json()["results"]]
        assert totals == [unit(3 * n), unit(3 * n + 1), unit(3 * n + 2)]


def test_metrics_count_what_was_answered(serve):
    with serve(ScriptedModel(critique_by_colour)) as served:
        post(served, "/score", items(sent(1), sent(2, 2, BLIND)))
        post(served, "/score", {})
        told = httpx.get(f"{served.url}/metrics").text
    assert 'parrot_requests_total{path="/score",status="200"} 1' in told
    assert 'parrot_requests_total{path="/score",status="422"} 1' in told
    assert 'parrot_drawings_total{outcome="scored"} 1' in told
    assert 'parrot_drawings_total{outcome="rejected"} 1' in told
    assert 'parrot_request_seconds_bucket{le="+Inf"} 2' in told
    assert "parrot_drawings_waiting 0" in told
    assert 'parrot_model{what="mean/physical_quality"} 0.5' in told
    lines = [line for line in told.splitlines() if not line.startswith("#")]
    assert all(float(line.rsplit(" ", 1)[1]) >= 0 for line in lines)


def test_ready_names_the_model(served):
    assert httpx.get(f"{served.url}/ready").json() == {"status": "ready", "model": "fake:scripted"}


def test_half_a_character_and_an_impossible_token_are_answered(serve):
    def odd(ask):
        said = critique_by_colour(ask) if ask.images else ""
        logprobs = (TokenLogprob("x", float("-inf"), (("y", float("-inf")),)),)
        return Reply(said + "half \ud83d", logprobs=logprobs)

    with serve(ScriptedModel(odd)) as running:
        body = {"messages": [{"role": "user", "content": FOX}], "logprobs": True}
        answer = post(running, "/v1/chat/completions", body)
        assert answer.status_code == 200
        (choice,) = answer.json()["choices"]
        assert choice["logprobs"]["content"][0]["logprob"] == -9999.0
        told = post(running, "/score", items(sent(0), critiques=True))
        assert told.status_code == 200
