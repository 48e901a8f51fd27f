"""Which matrices Muon moves, and that both optimizers are taken up again as they were."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from parrot.backends.miniature.training.optimizers import optimizers_of, take_step
from parrot.backends.miniature.training.state import State
from parrot.core.errors import ConfigError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.inside = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
        self.proj_out = nn.Linear(4, 2)


def net():
    torch.manual_seed(0)
    return Net()


def learn(model, optimizers, rate=0.1):
    model.proj_out(model.inside(model.embed(torch.arange(5)))).square().sum().backward()
    take_step(optimizers, rate)


def names(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {name for name, p in model.named_parameters() if id(p) in held}


def test_muon_has_the_matrices_inside_and_adamw_everything_else():
    model = net()
    made = optimizers_of([(model, 1.0)])
    assert names(model, made["muon"]) == {"inside.0.weight"}
    assert names(model, made["adamw"]) | {"inside.0.weight"} == {
        name for name, _ in model.named_parameters()
    }
    assert not names(model, made["muon"]) & names(model, made["adamw"])


def test_embeddings_and_heads_of_both_networks_stay_with_adamw():
    pytest.importorskip("transformers")
    pytest.importorskip("diffusers")
    from parrot.backends.miniature.training.parts import Sizes, build_t5, build_transformer
    from parrot.backends.miniature.training.student.net import student_of

    for model in (student_of(50, seed=0), build_transformer(Sizes()), build_t5(Sizes())):
        muon = names(model, optimizers_of([(model, 1.0)])["muon"])
        assert len(muon) >= 10
        assert not [n for n in muon if "embed" in n or "shared" in n or "head." in n]
        assert "proj_out.weight" not in muon


def test_norms_and_biases_do_not_decay():
    model = net()
    for group in optimizers_of([(model, 1.0)], decay=0.3)["adamw"].param_groups:
        for weight in group["params"]:
            assert group["weight_decay"] == (0.3 if weight.ndim >= 2 else 0.0)


def test_a_network_of_half_the_share_moves_half_as_far():
    full, half = net(), net()
    before = [p.detach().clone() for p in full.parameters()]
    for model, share in ((full, 1.0), (half, 0.5)):
        learn(model, optimizers_of([(model, share)], decay=0.0), rate=1e-3)
    for start, a, b in zip(before, full.parameters(), half.parameters(), strict=True):
        assert torch.allclose((a - start).detach(), 2 * (b - start).detach(), atol=1e-6)


def test_both_are_taken_up_again_as_they_were(tmp_path):
    whole, parts = net(), net()
    optimizers = optimizers_of([(whole, 1.0)])
    for _ in range(4):
        learn(whole, optimizers)
    for _ in range(2):
        state = State(models={"net": parts}, optimizers=optimizers_of([(parts, 1.0)]))
        state.read(tmp_path)
        for _ in range(2):
            learn(parts, state.optimizers)
        state.write(tmp_path)
        parts = net()
    state = State(models={"net": parts}, optimizers=optimizers_of([(parts, 1.0)]))
    state.read(tmp_path)
    assert all(
        torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True)
    )


def test_a_state_of_other_optimizers_is_refused(tmp_path):
    model = net()
    adam = {"adamw": torch.optim.AdamW(model.parameters())}
    State(models={"net": model}, optimizers=adam).write(tmp_path)
    other = State(models={"net": model}, optimizers=optimizers_of([(model, 1.0)]))
    with pytest.raises(ConfigError, match="of another model"):
        other.read(tmp_path)
