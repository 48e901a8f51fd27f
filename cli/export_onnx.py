"""`parrot export-onnx`: a checkpoint to graphs that run without torch. Arguments, wiring, printing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from parrot.backends.miniature.shipped import folder_of
from parrot.core.errors import MissingExtraError


def export_onnx(
    path: Annotated[
        str, typer.Argument(help="Folder of a Qwen3-VL checkpoint, or miniature:student.")
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the graphs; must be new or empty.")],
    dtype: Annotated[
        str, typer.Option(help="fp32, or int8 or int4 for the decoder's weights.")
    ] = "fp32",
) -> None:
    """Writes the graphs of a Qwen3-VL; ask it as `onnx:DIR`, without torch and transformers."""
    try:
        from parrot.backends.onnx.export import check_target, export
        from parrot.backends.torch.loading import Options, load
    except ImportError as error:
        raise MissingExtraError("parrot export-onnx", "onnx-export") from error
    check_target(out, dtype)  # before the weights are loaded
    loaded = load(folder_of(path), Options(dtype="float32", device="cpu"))
    folder = export(
        loaded.model, loaded.tokenizer, loaded.images, out, name=loaded.name, dtype=dtype
    )
    size = sum(one.stat().st_size for one in folder.iterdir())
    typer.echo(f"{size / 1e6:.1f} MB of {dtype} graphs: {folder}")
