"""A student's base that knows nothing yet, made once for the session."""

import pytest


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    pytest.importorskip("torch", reason="the base is a torch model")
    pytest.importorskip("tokenizers", reason="its tokenizer is made here")
    from parrot.backends.miniature.training.student.net import student_of
    from parrot.backends.miniature.training.student.tokens import vocabulary, write_files

    folder = tmp_path_factory.mktemp("base")
    words = vocabulary()
    write_files(folder, words)
    student_of(len(words), seed=0).save_pretrained(folder)
    return folder
