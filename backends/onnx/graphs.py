"""Qwen3-VL as two modules whose every input and output is a plain tensor, so that graphs come of them.

The tower reads one image size at a time. The decoder holds embedding, deep-stack features, cache and
head in one: a token either has a word's embedding or a row of `features`, and row 0 of every layer of
features is nothing, so that text, images and later steps are one graph. Arithmetic as transformers'
`modeling_qwen3_vl`; weights are the network's own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

TOWER_INPUTS = ("patches", "places", "shares", "coordinates")
DECODER_INPUTS = ("ids", "positions", "mask", "seen", "features", "wanted")


class Tower(nn.Module):
    """Patches of equally large images to features, the last layer's first, then the deep-stack's.

    patches: (images, patches, values); places, shares: (patches, 4), rows of the table of positions
    and their weights; coordinates: (patches, 2), row and column. Gives (1 + deep, images, tokens, width).
    """

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual = visual
        kernel = visual.patch_embed.proj
        self.embed = nn.Linear(kernel.weight[0].numel(), kernel.weight.shape[0])
        self.embed.weight.data = kernel.weight.data.reshape(kernel.weight.shape[0], -1)
        self.embed.bias.data = kernel.bias.data

    def forward(
        self,
        patches: torch.Tensor,
        places: torch.Tensor,
        shares: torch.Tensor,
        coordinates: torch.Tensor,
    ) -> torch.Tensor:
        visual = self.visual
        table = (visual.pos_embed(places) * shares[:, :, None]).sum(1)
        hidden = self.embed(patches) + table
        angles = coordinates[..., None].float() * visual.rotary_pos_emb.inv_freq
        angles = angles.flatten(1)
        turn = torch.cat([angles, angles], dim=-1)
        cos, sin = turn.cos()[:, None], turn.sin()[:, None]
        deep = []
        for number, block in enumerate(visual.blocks):
            hidden = hidden + _looked(block.attn, block.norm1(hidden), cos, sin)
            hidden = hidden + block.mlp(block.norm2(hidden))
            if number in visual.deepstack_visual_indexes:
                index = visual.deepstack_visual_indexes.index(number)
                deep.append(self._merged(visual.deepstack_merger_list[index], hidden))
        return torch.stack([self._merged(visual.merger, hidden), *deep])

    def _merged(self, merger: Any, hidden: torch.Tensor) -> torch.Tensor:
        groups = hidden.shape[1] // self.visual.spatial_merge_unit
        if not merger.use_postshuffle_norm:
            hidden = merger.norm(hidden)
        joined = hidden.reshape(hidden.shape[0], groups, merger.hidden_size)
        if merger.use_postshuffle_norm:
            joined = merger.norm(joined)
        out: torch.Tensor = merger.linear_fc2(merger.act_fn(merger.linear_fc1(joined)))
        return out


def _looked(attn: Any, hidden: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Attention of every patch to every other patch of its image."""
    images, length, width = hidden.shape
    parts = attn.qkv(hidden).reshape(images, length, 3, attn.num_heads, attn.head_dim)
    query, key = _turned(parts[:, :, 0], cos, sin), _turned(parts[:, :, 1], cos, sin)
    query, key = query.transpose(1, 2), key.transpose(1, 2)
    odds = (query @ key.transpose(-1, -2) * attn.scaling).softmax(-1)
    seen = (odds @ parts[:, :, 2].transpose(1, 2)).transpose(1, 2)
    out: torch.Tensor = attn.proj(seen.reshape(images, length, width))
    return out


def _turned(values: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = values.chunk(2, dim=-1)
    return values * cos + torch.cat([-second, first], dim=-1) * sin


class Decoder(nn.Module):
    """Tokens after a cache to scores and a longer cache.

    ids: (rows, new); positions: (3, rows, new); mask: (rows, held + new), 1 where a token is;
    seen: (rows, new), which row of features a token shows, 0 none; features: (1 + deep, 1 + tokens,
    width); wanted: which of the new tokens' scores to give; cache: key and value of each layer,
    (rows, heads, held, size). Gives scores (rows, wanted, words) and the cache, held + new long.
    """

    axes: torch.Tensor
    pace: torch.Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.text, self.head = model.model.language_model, model.lm_head
        self.deep = len(model.model.visual.deepstack_visual_indexes)
        rotary = self.text.rotary_emb
        self.scale = float(rotary.attention_scaling)
        # Which of the three positions turns each pair of values: interleaved, the rest is time.
        axes = torch.zeros(len(rotary.inv_freq), dtype=torch.long)
        for axis in (1, 2):
            axes[axis : rotary.mrope_section[axis] * 3 : 3] = axis
        self.register_buffer("axes", axes, persistent=False)
        self.register_buffer("pace", rotary.inv_freq.clone(), persistent=False)

    def forward(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        mask: torch.Tensor,
        seen: torch.Tensor,
        features: torch.Tensor,
        wanted: torch.Tensor,
        cache: list[torch.Tensor],
    ) -> tuple[torch.Tensor, ...]:
        plain = self.text.embed_tokens(ids)
        hidden = torch.where((seen > 0)[..., None], features[0][seen], plain)
        turn = self._turn(positions)
        bias = self._bias(mask, ids.shape[1])
        grown = []
        for number, layer in enumerate(self.text.layers):
            normed = layer.input_layernorm(hidden)
            out, key, value = self._attended(
                layer.self_attn, normed, turn, bias, cache[2 * number], cache[2 * number + 1]
            )
            grown += [key, value]
            hidden = hidden + out
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
            if number < self.deep:
                hidden = hidden + features[number + 1][seen]
        return (self.head(self.text.norm(hidden[:, wanted])), *grown)

    def _turn(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = positions.permute(1, 2, 0).float()[..., self.axes] * self.pace
        angles = torch.cat([chosen, chosen], dim=-1)[:, None]
        return angles.cos() * self.scale, angles.sin() * self.scale

    def _bias(self, mask: torch.Tensor, new: int) -> torch.Tensor:
        """What is added where a token may not look: (rows, 1, 1, new, held + new)."""
        total = mask.shape[1]
        places = torch.arange(total)
        later = places[None, :] > places[total - new :, None]
        barred = later[None] | (mask[:, None, :] == 0)
        lowest = torch.finfo(torch.float32).min
        return torch.where(barred, lowest, 0.0)[:, None, None]

    def _attended(
        self,
        attn: Any,
        hidden: torch.Tensor,
        turn: tuple[torch.Tensor, torch.Tensor],
        bias: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows, new = hidden.shape[:2]
        shape = (rows, new, -1, attn.head_dim)
        query = _turned(attn.q_norm(attn.q_proj(hidden).view(shape)).transpose(1, 2), *turn)
        key = _turned(attn.k_norm(attn.k_proj(hidden).view(shape)).transpose(1, 2), *turn)
        key = torch.cat([keys, key], dim=2)
        value = torch.cat([values, attn.v_proj(hidden).view(shape).transpose(1, 2)], dim=2)
        # Heads that share a key stand together, so that no key is copied for each of them.
        grouped = query.reshape(rows, -1, attn.num_key_value_groups, new, attn.head_dim)
        odds = (grouped @ key[:, :, None].transpose(-1, -2) * attn.scaling + bias).softmax(-1)
        read = (odds @ value[:, :, None]).reshape(rows, -1, new, attn.head_dim)
        out = attn.o_proj(read.transpose(1, 2).reshape(rows, new, -1))
        return out, key, value
