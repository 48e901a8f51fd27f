"""The trainers that are written for: their rows, their files, and how they read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from parrot.adapters.exports.files import Pictures, Write, lines, table
from parrot.adapters.exports.rows import Keep, sharegpt, trl, verl
from parrot.core.examples import Example

TRAIN: Final = "train"
_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}
_TYPED = [{"role": "text", "content": [{"type": "text", "text": "text"}]}]
_FLAT = [{"role": "text", "content": "text"}]
_TRL = {"id": "text", "prompt": _TYPED, "completion": _TYPED, "images": ["image"]}
_VERL = {
    "data_source": "text",
    "prompt": _FLAT,
    "messages": _FLAT,
    "images": ["image"],
    "ability": "text",
    "reward_model": {"style": "text", "ground_truth": "text"},
    "extra_info": {"id": "text", "pair_id": "text", "order": "text", "answer": "text"},
}


@frozen(slots=True)
class Trainer:
    """How one trainer wants its data.

    row: an example as its row. suffix and opened: its file. embeds: images lie in the table, not
    beside it. extra_files: what else it needs, by name. use: how it reads the folder.
    """

    row: Callable[[Example, Keep], dict[str, Any]]
    suffix: str
    opened: Callable[[Path], AbstractContextManager[Write]]
    use: str
    embeds: bool = False
    extra_files: Mapping[str, str] = field(factory=dict)

    def keeper(self, pictures: Pictures) -> Keep:
        """How rows name images."""
        return pictures.embed if self.embeds else pictures.keep


def _dataset_info() -> str:
    about = {
        "file_name": f"{TRAIN}.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": _TAGS,
    }
    return json.dumps({"parrot": about}, indent=2) + "\n"


TRAINERS: Final[dict[str, Trainer]] = {
    "llamafactory": Trainer(
        sharegpt,
        "jsonl",
        lines,
        "LLaMA-Factory: `dataset: parrot`, `dataset_dir:` this folder, from which image paths start."
        " For Qwen3-VL Instruct `template: qwen3_vl_nothink`: `qwen3_vl` puts an empty thought before"
        " each answer. Raise `cutoff_len` (2048 by default, which cuts answers): 16384 is ample.",
        extra_files={"dataset_info.json": _dataset_info()},
    ),
    "trl": Trainer(
        trl,
        "parquet",
        partial(table, features=_TRL),
        'TRL: `load_dataset("parquet", data_files="train.parquet")` into `SFTTrainer`. The loss is'
        " on the completion. Set `SFTConfig(max_length=None)`: its 1024 cuts the answer away.",
        embeds=True,
    ),
    "ms-swift": Trainer(
        sharegpt,
        "jsonl",
        lines,
        "ms-swift: `ROOT_IMAGE_DIR=` this folder, then `--dataset train.jsonl --strict true`: rows"
        " that it cannot read are otherwise left out.",
    ),
    "verl": Trainer(
        verl,
        "parquet",
        partial(table, features=_VERL),
        "verl: for SFT `data.train_files=train.parquet data.messages_key=messages"
        " data.max_length=16384`; for RL `data.prompt_key=prompt data.image_key=images"
        " data.max_prompt_length=16384`, for longer prompts than its 1024 are left out. The ground"
        " truth is the label of the images as shown; critiques have none.",
        embeds=True,
    ),
}
