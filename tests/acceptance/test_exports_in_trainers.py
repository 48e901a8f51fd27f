"""Exports of a whole run, read by the trainers' own code: every row, its pictures, its loss.

Each trainer's test runs where that trainer can be imported and is skipped elsewhere, since none of
them installs beside the others (docs/how-to/train-elsewhere.md says how, and names versions).
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from parrot.core.testing.server import LoopbackServer

pytestmark = pytest.mark.filterwarnings("ignore")
ENTRY = [sys.executable, "-c", "from parrot.cli import main; main()"]
DATA = Path(os.environ.get("PARROT_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
REAL = ("--map", "prompt=prompt,image_a=image_a,image_b=image_b", "--preferred-first")
END = "<|im_end|>\n"


def parrot(*arguments):
    done = subprocess.run(
        [*ENTRY, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def pairs_of(kind, folder):
    if kind == "simulated":
        parrot("miniature", "pairs", "--n", 12, "--seed", 4, "--task", "both", "--out", folder)
        return folder / "pairs.jsonl"
    file = DATA / "mj_bench" / "pairs.jsonl"
    if not file.is_file():
        pytest.skip(f"{file} is not here (set PARROT_SHARED_DATA)")
    parrot("import", file, *REAL, "--set", "licence=MIT", "--out", folder)
    return folder / "pairs.jsonl"


@pytest.fixture(scope="module", params=["simulated", "mj_bench"])
def exports(request, tmp_path_factory):
    """A run's folder: pairs, rationalized and projected by the loopback judge, exported to all."""
    folder = tmp_path_factory.mktemp(request.param)
    pairs, run = pairs_of(request.param, folder / "pairs"), folder / "run"
    with LoopbackServer() as server:
        teacher = ("--teacher", f"openai:{server.target('judge')}")
        parrot("rationalize", pairs, *teacher, "--out", run)
        parrot("project", run, *teacher)
    for name in ("llamafactory", "trl", "ms-swift", "verl"):
        parrot("export", run, run / "projected", "--to", name, "--out", folder / name)
    return folder


def needs(name, module):
    """Skips where that cannot be imported, naming what in truth is not there."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        pytest.skip(f"needs {name}, of which {module} cannot be imported: {error}")


def lines(place):
    return [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]


def tokenizer(**special):
    """Every byte a token, so that what is learned decodes to the very text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={c: n for n, c in enumerate(letters)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<|endoftext|>", eos_token="<|im_end|>", **special
    )


TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for p in m.content %}{% if p.type == 'image' %}<image>{% else %}{{ p.text }}"
    "{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def processor():
    """Of a vision-language model with pictures of 28 x 28 pixels, four tokens each."""
    from transformers import CLIPImageProcessor, LlavaProcessor

    side = {"height": 28, "width": 28}
    words = tokenizer(additional_special_tokens=["<|im_start|>", "<image>"])
    words.chat_template = TEMPLATE
    seen = LlavaProcessor(
        image_processor=CLIPImageProcessor(size=side, crop_size=side),
        tokenizer=words,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        image_token="<image>",
        num_additional_image_tokens=1,
    )
    seen.image_processor.patch_size = 14  # verl asks for it whether it is needed or not
    return seen


def model(words):
    """A vision-language model of the real architecture, with next to no weights."""
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
    )

    small = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    eyes = CLIPVisionConfig(
        **small, num_hidden_layers=2, image_size=28, patch_size=14, projection_dim=16
    )
    text = LlamaConfig(
        **small, num_hidden_layers=1, vocab_size=len(words), max_position_embeddings=16384
    )
    image = words.convert_tokens_to_ids("<image>")
    return LlavaForConditionalGeneration(
        LlavaConfig(vision_config=eyes, text_config=text, image_token_id=image)
    )


def learned(words, labels):
    return words.decode([int(t) for t in labels if int(t) != -100])


def test_all_exports_hold_the_same_examples(exports):
    import datasets

    cache = str(exports / "cache")
    flat = lines(exports / "llamafactory" / "train.jsonl")
    assert flat == lines(exports / "ms-swift" / "train.jsonl")
    assert {len(row["images"]) for row in flat} > {1}
    tables = {
        name: datasets.Dataset.from_parquet(str(exports / name / "train.parquet"), cache_dir=cache)
        for name in ("trl", "verl")
    }
    for n, row in enumerate(flat):
        answer = row["messages"][-1]["content"]
        trl, verl = tables["trl"][n], tables["verl"][n]
        assert trl["id"] == verl["extra_info"]["id"] == row["id"]
        assert trl["completion"][0]["content"][0]["text"] == answer == verl["extra_info"]["answer"]
        assert verl["messages"] == row["messages"]
        assert verl["prompt"] == row["messages"][:-1]
        sizes = [image.size for image in trl["images"]]
        assert sizes == [image.size for image in verl["images"]]
        assert len(sizes) == len(row["images"])


@pytest.mark.parametrize("name", ["trl", "verl"])
def test_tables_can_be_read_by_old_versions_of_datasets(exports, name):
    # Versions before 4 know no feature type `List`; a plain JSON list is read by all.
    import pyarrow.parquet as pq

    told = pq.read_schema(exports / name / "train.parquet").metadata[b"huggingface"]
    assert b'"List"' not in told
    assert json.loads(told)["info"]["features"]["images"] == [{"_type": "Image"}]


def test_llamafactory(exports, tmp_path):
    needs("LLaMA-Factory", "llamafactory.data")
    from llamafactory.data import (
        MultiModalDataCollatorForSeq2Seq,
        get_dataset,
        get_template_and_fix_tokenizer,
    )
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import Qwen2VLImageProcessor

    folder = str(exports / "llamafactory")
    marks = ["image_pad", "video_pad", "vision_start", "vision_end", "im_start"]
    words = tokenizer(additional_special_tokens=[f"<|{m}|>" for m in marks])
    eyes = Qwen2VLImageProcessor(size={"shortest_edge": 784, "longest_edge": 12544})
    limits = {"image_max_pixels": 12544, "image_min_pixels": 784}
    seen = SimpleNamespace(
        image_processor=eyes, video_processor=eyes, tokenizer=words, model_input_names=[], **limits
    )
    asked = DataArguments(
        dataset="parrot", dataset_dir=folder, template="qwen3_vl_nothink", cutoff_len=16384
    )
    training = SimpleNamespace(
        main_process_first=lambda **_: contextlib.nullcontext(),
        seed=0,
        predict_with_generate=False,
        should_log=False,
        local_process_index=0,
    )
    template = get_template_and_fix_tokenizer(words, asked)
    source = ModelArguments(model_name_or_path="none", cache_dir=str(tmp_path))
    made = get_dataset(template, source, asked, training, "sft", words, seen)["train_dataset"]
    rows = lines(exports / "llamafactory" / "train.jsonl")
    assert len(made) == len(rows)
    for row, one in zip(rows, made, strict=True):
        assert learned(words, one["labels"]) == row["messages"][-1]["content"] + END
        assert one["images"] == [f"{folder}/{name}" for name in row["images"]]
    collate = MultiModalDataCollatorForSeq2Seq(tokenizer=words, template=template, processor=seen)
    batch = collate([dict(made[0]), dict(made[-1])])
    assert len(batch["image_grid_thw"]) == len(rows[0]["images"]) + len(rows[-1]["images"])


def test_trl(exports, tmp_path):
    needs("TRL", "trl")
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer
    from trl.data_utils import is_conversational, prepare_multimodal_messages

    file = str(exports / "trl" / "train.parquet")
    rows = load_dataset("parquet", data_files=file, cache_dir=str(tmp_path))["train"]
    for row in rows:
        assert is_conversational(row)
        prepare_multimodal_messages(row["prompt"], row["images"])
    seen = processor()
    how = SFTConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=2,
        per_device_train_batch_size=2,
        max_length=None,
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        gradient_checkpointing=False,
        report_to=[],
    )
    trainer = SFTTrainer(model(seen.tokenizer), how, train_dataset=rows, processing_class=seen)
    chosen = [rows[0], rows[len(rows) - 1]]
    batch = trainer.data_collator([dict(row) for row in chosen])
    for labels, row in zip(batch["labels"], chosen, strict=True):
        assert learned(seen.tokenizer, labels) == row["completion"][0]["content"][0]["text"] + END
    assert len(batch["pixel_values"]) == sum(len(row["images"]) for row in chosen)
    assert trainer.train().global_step == 2


def test_ms_swift(exports, tmp_path, monkeypatch):
    folder = exports / "ms-swift"
    monkeypatch.setenv("ROOT_IMAGE_DIR", str(folder))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    needs("ms-swift", "swift.dataset")
    from swift import get_processor, get_template
    from swift.dataset import load_dataset

    made, _ = load_dataset(str(folder / "train.jsonl"), strict=True, load_from_cache_file=False)
    rows = lines(folder / "train.jsonl")
    assert len(made) == len(rows)
    seen = processor()
    model(seen.tokenizer).save_pretrained(tmp_path / "model")
    seen.save_pretrained(tmp_path / "model")
    loaded = get_processor(str(tmp_path / "model"), model_type="llava1_5_hf")
    template = get_template(loaded, template_type="llava1_5_hf", max_length=16384)
    template.set_mode("train")
    for n in (0, -1):
        one = template.encode(made[range(len(made))[n]])
        answer = rows[n]["messages"][-1]["content"]
        assert learned(loaded.tokenizer, one["labels"]).removesuffix("</s>") == answer
        assert len(one["pixel_values"]) == len(rows[n]["images"])


def test_verl(exports, tmp_path):
    needs("verl", "verl.utils.dataset")
    needs("qwen-vl-utils", "qwen_vl_utils")
    from omegaconf import OmegaConf
    from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset
    from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

    file, seen = str(exports / "verl" / "train.parquet"), processor()
    rows = lines(exports / "llamafactory" / "train.jsonl")
    how = OmegaConf.create({"max_length": 8192, "image_patch_size": 14, "truncation": "error"})
    taught = MultiTurnSFTDataset([file], tokenizer=seen.tokenizer, processor=seen, config=how)
    assert len(taught) == len(rows)
    for n in (0, len(rows) - 1):
        one = taught[n]
        got = learned(seen.tokenizer, one["input_ids"][one["loss_mask"].bool()])
        assert got == rows[n]["messages"][-1]["content"] + END
        assert len(one["multi_modal_inputs"]["pixel_values"]) == len(rows[n]["images"])
    # It leaves out rows that it cannot prepare, so that the count is the test.
    how = OmegaConf.create(
        {
            "max_prompt_length": 8192,
            "filter_overlong_prompts_workers": 1,
            "cache_dir": str(tmp_path),
        }
    )
    asked = RLHFDataset(file, tokenizer=seen.tokenizer, processor=seen, config=how)
    assert len(asked) == len(rows)
    batch = collate_fn([asked[0], asked[len(asked) - 1]])
    kinds = [part["type"] for part in batch["raw_prompt"][0][-1]["content"]]
    assert kinds.count("image") == len(rows[0]["images"])
    assert batch["reward_model"][0]["ground_truth"] in {"A", "B", "TIE", ""}
