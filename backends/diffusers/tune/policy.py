"""What is trained: LoRA on the denoiser, beside the policy that draws and the frozen model.

Three policies in one network: the one in training, the one that draws (its moving average), and the
frozen model, which is the network with its adapters off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch

from parrot.core.errors import ConfigError

ADAPTER: Final = "tuned"
LAYERS: Final = (
    r".*\b(?:to_q|to_k|to_v|to_out\.0|add_q_proj|add_k_proj|add_v_proj|to_add_out"
    r"|ff\.net\.0\.proj|ff\.net\.2|ff_context\.net\.0\.proj|ff_context\.net\.2)$"
)
"""Attention and feed-forward of Flux and SD3, as Flow-Factory's defaults have them."""


class Policy:
    """A denoiser with adapters. rank: of LoRA; alpha is twice it. seed: of the adapters' beginning.

    Adapters begin as nothing: until the first update all three policies are one. They are kept in
    float32, whatever the denoiser is in.
    """

    def __init__(self, denoiser: Any, *, rank: int, seed: int) -> None:
        from peft import LoraConfig

        if getattr(denoiser, "peft_config", None):
            raise ConfigError(
                "the pipeline has adapters (LoRA) already, which tuning would switch off: merge them"
                " into its weights first"
            )
        self.denoiser = denoiser.requires_grad_(requires_grad=False).eval()
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LAYERS)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            denoiser.add_adapter(config, adapter_name=ADAPTER)
        self.weights: Mapping[str, torch.nn.Parameter] = {
            name: one for name, one in denoiser.named_parameters() if one.requires_grad
        }
        for one in self.weights.values():
            one.data = one.data.float()
        self.drawing = {name: one.detach().clone() for name, one in self.weights.items()}

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """The network is the policy that draws, without gradients."""
        mine = {name: one.data for name, one in self.weights.items()}
        try:
            for name, one in self.weights.items():
                one.data = self.drawing[name]
            with torch.no_grad():
                yield
        finally:
            for name, one in self.weights.items():
                one.data = mine[name]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The network is the frozen model, without gradients."""
        self.denoiser.disable_adapters()
        try:
            with torch.no_grad():
                yield
        finally:
            self.denoiser.enable_adapters()

    @property
    def on_policy(self) -> bool:
        """Whether the policy that draws is the one in training, to the last bit."""
        return all(torch.equal(one, self.drawing[name]) for name, one in self.weights.items())

    def settle(self, decay: float) -> None:
        """drawing <- decay * drawing + (1 - decay) * trained (paper Alg. 1)."""
        with torch.no_grad():
            for name, one in self.weights.items():
                self.drawing[name].mul_(decay).add_(one.detach(), alpha=1.0 - decay)

    def load(
        self, weights: Mapping[str, torch.Tensor], drawing: Mapping[str, torch.Tensor]
    ) -> None:
        """Puts saved weights in their places."""
        with torch.no_grad():
            for name, one in self.weights.items():
                one.copy_(weights[name])
                self.drawing[name].copy_(drawing[name])

    def write(self, pipeline: Any, folder: Any) -> None:
        """LoRA weights that diffusers loads, rank and alpha with them."""
        from peft import get_peft_model_state_dict

        layers = get_peft_model_state_dict(self.denoiser, adapter_name=ADAPTER)
        told = self.denoiser.peft_config[ADAPTER].to_dict()
        type(pipeline).save_lora_weights(
            folder,
            transformer_lora_layers={k: v.detach().cpu().contiguous() for k, v in layers.items()},
            transformer_lora_adapter_metadata=told,
        )
