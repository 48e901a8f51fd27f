"""Other projects' own clients, unchanged, against our server: what they get is what was scored.

`PARROT_PEERS` names a folder with checkouts of Flow-Factory, RationalRewards, UniRL and Edit-R1.
"""

import asyncio
import base64
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parrot.core.testing.colours import BLIND, total_by_colour
from parrot.core.testing.fakes import plain_image

pytest.importorskip("fastapi", reason="needs the extra `server`")
pytestmark = pytest.mark.filterwarnings("ignore")
FOX = "a red fox"
CRITIC = """
import sys
from parrot.adapters.server import create_app
from parrot.core.engine import RetryPolicy
from parrot.core.pipelines.reward_model import RewardModel
from parrot.core.testing.fakes import ScriptedModel
from parrot.core.testing.colours import critique_by_colour
import socket, uvicorn
model = RewardModel(ScriptedModel(critique_by_colour), retry=RetryPolicy(attempts=1))
with socket.create_server(("127.0.0.1", 0)) as bound:
    print(bound.getsockname()[1], flush=True)
    config = uvicorn.Config(create_app(model, pickles=True), log_level="error")
    uvicorn.Server(config).run(sockets=[bound])
"""


def peer(name, inside):
    root = os.environ.get("PARROT_PEERS")
    path = Path(root or "") / name / inside
    if root is None or not path.exists():
        pytest.skip(f"needs a checkout of {name}: PARROT_PEERS names the folder it lies in")
    return path


@pytest.fixture(scope="module")
def port():
    with subprocess.Popen([sys.executable, "-c", CRITIC], stdout=subprocess.PIPE, text=True) as run:
        yield int(run.stdout.readline())
        run.terminate()


def picture(red, green=15, blue=0, side=8):
    from PIL import Image

    return Image.new("RGB", (side, side), (red, green, blue))


def configured(dotted, **extra):
    from accelerate import Accelerator
    from flow_factory.hparams import RewardArguments
    from flow_factory.rewards.loader import load_reward_model

    config = RewardArguments(name="r", reward_model=dotted, device="cpu", batch_size=8)
    config.extra_kwargs = extra
    for key, value in extra.items():
        setattr(config, key, value)
    return load_reward_model(config, Accelerator(cpu=True))


@pytest.fixture
def flow_factory(monkeypatch):
    monkeypatch.syspath_prepend(str(peer("Flow-Factory", "src")))
    for name in ("torch", "accelerate", "diffusers", "requests"):
        pytest.importorskip(name)


def test_flow_factorys_rational_rewards_for_images(flow_factory, port):
    url = f"http://127.0.0.1:{port}/v1"
    model = configured("rational_rewards_t2i", api_base_url=url, max_retries=1)
    images = [picture(n) for n in range(31)] + [picture(7, green) for green in range(31)]
    # A batch a client: its semaphore lives on the loop of the first one (peers.md 1, defect 4).
    found = model(prompt=[FOX] * len(images), image=images).rewards.tolist()
    expected = [total_by_colour(n, 15) for n in range(31)]
    expected += [total_by_colour(7, green) for green in range(31)]
    assert found == pytest.approx(expected, abs=1e-6)
    alone = configured("rational_rewards_t2i", api_base_url=url, aspects=["physical_quality"])
    assert alone(prompt=[FOX], image=[picture(3, 30)]).rewards.tolist() == [1.0]
    blind = configured("rational_rewards_t2i", api_base_url=url, max_retries=1)
    openai = importlib.import_module("openai")
    with pytest.raises(openai.BadRequestError, match="cannot see it"):
        blind(prompt=[FOX], image=[picture(3, 15, BLIND)])


def test_flow_factorys_rational_rewards_for_edits(flow_factory, port):
    url = f"http://127.0.0.1:{port}/v1"
    model = configured("rational_rewards_edit", api_base_url=url, max_retries=1)
    images = [picture(n) for n in range(8)]
    sources = [[picture(1, 2, 3)]] * 8
    found = model(prompt=[FOX] * 8, image=images, condition_images=sources).rewards.tolist()
    assert found == pytest.approx([total_by_colour(n, 15, edit=True) for n in range(8)], abs=1e-6)


def test_flow_factorys_remote_classes(flow_factory, port):
    dotted = "flow_factory.rewards.my_reward_remote.Remote{}RewardModel"
    for kind in ("Pointwise", "Groupwise"):
        model = configured(dotted.format(kind), server_url=f"http://127.0.0.1:{port}")
        images = [picture(0), picture(30), picture(9, 15, BLIND)]
        found = model(prompt=[FOX] * 3, image=images).rewards.tolist()
        assert found[:2] == pytest.approx([total_by_colour(0, 15), total_by_colour(30, 15)])
        assert found[2] == pytest.approx((found[0] + found[1]) / 2)
        edits = model(prompt=[FOX], image=[picture(30)], condition_images=[[picture(1)]])
        assert edits.rewards.tolist() == pytest.approx([total_by_colour(30, 15, edit=True)])


def test_the_official_evaluation_reaches_us(monkeypatch, port, tmp_path):
    monkeypatch.syspath_prepend(str(peer("RationalRewards", "reward_model_evaluation")))
    client = importlib.import_module("modular_rm_eval.http_client")
    core = importlib.import_module("modular_rm_eval.inference_core")
    reached = client.VLMHTTPClient(base_url="http://127.0.0.1", port=port)
    row = {
        "pair_id": "1",
        "prompt_text": FOX,
        "prompt_images": [],
        "response_a_images": [{"bytes": plain_image(3, 4, 0).source}],
        "response_b_images": [{"bytes": plain_image(5, 6, 0).source}],
    }

    async def main():
        assert await reached.check_connection()
        return await core.evaluate_row(reached, row, "gen", asyncio.Semaphore(1), str(tmp_path))

    asyncio.run(main())
    (written,) = tmp_path.glob("**/*.json")
    assert '"success": true' in written.read_text("utf-8")


def test_unirls_client(monkeypatch, port):
    monkeypatch.syspath_prepend(str(peer("UniRL", "unirl-reward-service")))
    pytest.importorskip("requests")
    client = importlib.import_module("reward_service.client")
    reached = client.RewardClient(f"http://127.0.0.1:{port}", image_format="PNG")
    assert reached.health()["status"] == "ok"
    assert reached.rewards() == ["parrot"]
    asked = [
        client.RewardRequest([(FOX, picture(30))], ["parrot"]),
        client.RewardRequest([(FOX, picture(1)), (FOX, picture(30))], ["parrot"]),
        client.RewardRequest([(FOX, picture(9, 15, BLIND))], ["parrot"]),
    ]
    one, edit, failed = reached.score(asked)
    assert one["parrot"]["total"] == pytest.approx(total_by_colour(30, 15))
    assert edit["parrot"]["image_faithfulness"] == 1.0
    assert failed == {}


def test_edit_r1s_client(monkeypatch, port):
    source = peer("Edit-R1", "flow_grpo/rewards.py").read_text("utf-8")
    torch, np = pytest.importorskip("torch"), pytest.importorskip("numpy")
    pytest.importorskip("requests")
    image = importlib.import_module("PIL.Image")
    start = source.index("def mllm_score_continue(device):")
    end = source.index("\ndef ", start + 10)
    space = {"os": os, "np": np, "torch": torch, "Image": image}
    exec(source[start:end], space)  # the peer's own function
    monkeypatch.setenv("REWARD_SERVER", f"127.0.0.1:{port}")
    # It sends JPEG, whose colours are only nearly those: PNG is put in its place here.
    score = space["mllm_score_continue"]("cpu")
    monkeypatch.setattr(image.Image, "save", _as_png(image.Image.save))
    images = torch.zeros(3, 3, 8, 8)
    images[:, 0] = torch.tensor([0, 15, 30])[:, None, None] / 255
    images[:, 1] = 15 / 255
    scores, rest = score([picture(1)] * 3, images, [FOX] * 3, [{"requirement": ""}] * 3)
    assert rest == {}
    assert scores == pytest.approx([total_by_colour(n, 15, edit=True) for n in (0, 15, 30)])


def _as_png(save):
    return lambda self, out, **_: save(self, out, format="PNG")


def test_the_server_is_reached_as_other_reward_servers_are(port):
    requests = pytest.importorskip("requests")
    image = base64.b64encode(plain_image(3, 4, 0).source).decode()
    body = {"items": [{"prompt": FOX, "image": image}]}
    answer = requests.post(f"http://127.0.0.1:{port}/score", json=body, timeout=30)
    assert answer.json()["results"][0]["total"] == pytest.approx(total_by_colour(3, 4))
