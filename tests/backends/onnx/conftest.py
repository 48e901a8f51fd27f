"""The tiny checkpoint exported once for the session, in fp32 and in 8 bits."""

import pytest


def exported(checkpoint, folder, dtype):
    from parrot.backends.onnx.export import export
    from parrot.backends.torch.loading import Options, load

    loaded = load(checkpoint, Options(dtype="float32", device="cpu"))
    model, tokenizer, images = loaded.model, loaded.tokenizer, loaded.images
    return export(model, tokenizer, images, folder, name=loaded.name, dtype=dtype)


@pytest.fixture(scope="session")
def plain(checkpoint, tmp_path_factory):
    return exported(checkpoint, tmp_path_factory.mktemp("onnx") / "fp32", "fp32")


@pytest.fixture(scope="session")
def small(checkpoint, tmp_path_factory):
    pytest.importorskip("onnx_ir", reason="onnxruntime's quantiser needs it")
    return exported(checkpoint, tmp_path_factory.mktemp("onnx") / "int8", "int8")
