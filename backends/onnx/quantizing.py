"""Weights of a decoder in 8 or 4 bits, block by block; what flows between them stays in fp32.

Activations are left alone: quantised by batch, a row's answer would depend on its neighbours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from parrot.core.errors import MissingExtraError

BITS: Final = {"int8": 8, "int4": 4}
BLOCK: Final = 32
"""Weights that share one scale."""


def quantize(path: Path, bits: int) -> None:
    """Quantises every product with weights in a graph, in place."""
    with _quiet():
        try:
            import onnx
            from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
        except ImportError as error:
            raise MissingExtraError("quantising a graph", "onnx,onnx-export") from error
        held = onnx.load(str(path))
        graph = MatMulNBitsQuantizer(held, bits=bits, block_size=BLOCK, is_symmetric=True)
        graph.process()
        save(graph.model.model, path)


def save(graph: Any, path: Path) -> None:
    """Writes a graph; weights beyond what one file may hold go to `NAME.data` beside it."""
    onnx: Any = import_module("onnx")  # its stubs know no `save`
    beside = path.with_name(path.name + ".data")
    path.unlink(missing_ok=True)
    beside.unlink(missing_ok=True)
    large = graph.ByteSize() > LARGEST
    onnx.save(graph, str(path), save_as_external_data=large, location=beside.name)


LARGEST: Final = 1 << 30
"""Bytes of a graph from which on its weights stand in a file of their own; protobuf ends at 2^31."""


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser tells of every node it leaves alone, and sets up the root logger on import."""
    root = logging.getLogger()
    held, level = root.handlers[:], root.level
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
        root.handlers[:] = held
        root.setLevel(level)
