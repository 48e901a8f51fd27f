"""Weights of a decoder in 8 or 4 bits, block by block; what flows between them stays in fp32.

Activations are left alone: quantised by batch, a row's answer would depend on its neighbours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from parrot.core.errors import MissingExtraError

BITS: Final = {"int8": 8, "int4": 4}
BLOCK: Final = 32
"""Weights that share one scale."""


def quantize(path: Path, bits: int) -> None:
    """Quantises every product with weights in a graph, in place."""
    try:
        import onnx
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    except ImportError as error:
        raise MissingExtraError("quantising a graph", "onnx,onnx-export") from error
    graph = MatMulNBitsQuantizer(
        onnx.load(str(path)), bits=bits, block_size=BLOCK, is_symmetric=True
    )
    graph.process()
    graph.model.save_model_to_file(str(path), use_external_data_format=False)
