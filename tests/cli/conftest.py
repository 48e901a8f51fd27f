"""The command line as a user has it, and a student's base that knows nothing yet."""

import sys

import pytest

from parrot import cli


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


@pytest.fixture
def parrot(monkeypatch, capsys):
    """Runs the command line; gives exit status, standard output and what it says of errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["parrot", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        said = capsys.readouterr()
        told = [line for line in said.err.splitlines() if not line.startswith('{"')]
        assert "Traceback" not in said.err
        return status, said.out, told

    return run
