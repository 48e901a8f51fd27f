"""The command `parrot`: a thin typer app, a file a command; errors become one line and a status.

Exit statuses: 0 done; 1 something in the input or the run failed; 2 a wrong option or setting;
3 stopped early (budget, too many failures, no access) with everything paid for in the store; 130
interrupted.
"""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from io import TextIOWrapper
from itertools import pairwise
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from parrot.core.errors import ConfigError, ParrotError, RunStopped, StopReason

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("parrot.cli.demo:demo", "The main job on the miniature, end to end."),
    "rationalize": ("parrot.cli.rationalize:rationalize", "Critiques from preference pairs."),
    "filter": ("parrot.cli.filter:filter_", "Filter rationales that exist already."),
    "project": ("parrot.cli.project:project", "Comparisons to critiques of single images."),
    "export": ("parrot.cli.export:export", "Training files for a trainer."),
    "distil": ("parrot.cli.distil:distil", "A student from rationales."),
    "train-head": ("parrot.cli.train_head:train_head", "A scalar reward from pairs alone."),
    "tune": ("parrot.cli.tune:tune", "A generator trained on rewards."),
    "refine": ("parrot.cli.refine:refine", "Draw, critique, draw again; keep the best."),
    "critique": ("parrot.cli.critique:critique", "What a model says of one image."),
    "report": ("parrot.cli.report:report", "A run, or judgements, as one HTML page."),
    "export-onnx": ("parrot.cli.export_onnx:export_onnx", "A checkpoint to ONNX graphs."),
    "show": ("parrot.cli.show:show", "Look at pairs, critiques and reasons."),
    "import": ("parrot.cli.import_:import_", "A dataset to plain pairs."),
    "split": ("parrot.cli.split:split", "Disjoint parts of a set of pairs."),
    "overlap": ("parrot.cli.overlap:overlap", "What two sets of pairs share."),
    "batch": ("parrot.cli.batch:app", "A run's asks in provider batches."),
    "merge": ("parrot.cli.merge:merge", "Runs over parts of one input, made one."),
    "parse": ("parrot.cli.parse:parse", "One reply in, one JSON object out."),
    "judge": ("parrot.cli.judge:judge", "A model's winners for pairs."),
    "evaluate": ("parrot.cli.evaluate:evaluate", "Agreement with people, by named protocol."),
    "serve": ("parrot.cli.serve:serve", "A critic behind HTTP, for trainers."),
    "study": ("parrot.cli.study:app", "Comparisons of students, cell by cell."),
    "miniature": ("parrot.cli.miniature:app", "The small simulated world."),
    "doctor": ("parrot.cli.doctor:doctor", "What is installed, works, or is missing."),
}


class _Commands(TyperGroup):
    """Loads a command's module when that command is called; `--help` loads none."""

    def make_context(self, *given: Any, **more: Any) -> Any:
        with _before_typer():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        with _before_typer():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in COMMANDS:
            return super().resolve_command(ctx, args)
        _refuse_empty_out(args)
        target, line = COMMANDS[args[0]]
        module, _, attribute = target.partition(":")
        command = _as_command(args[0], getattr(import_module(module), attribute), line)
        return args[0], command, args[1:]

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command as it is listed, without its options."""
        if cmd_name not in COMMANDS:
            return None
        line = COMMANDS[cmd_name][1]
        return TyperCommand(cmd_name, help=line, short_help=line)


def _refuse_empty_out(args: list[str]) -> None:
    # A path of "" is the folder one stands in, which nobody means who leaves a variable unset.
    given = [after for name, after in pairwise(args) if name == "--out"]
    given += [one.removeprefix("--out=") for one in args if one.startswith("--out=")]
    if any(not one.strip() for one in given):
        raise ConfigError("--out is empty: name a place, or . for this folder")


def _as_command(name: str, found: Any, line: str) -> Any:
    if isinstance(found, typer.Typer):
        command = get_command(found)
    else:
        single = typer.Typer(add_completion=False)
        single.command(name)(found)
        command = get_command(single)
    command.name = name
    command.short_help = line
    return command


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,  # loads no rich for a list of commands; each command's own help has it
    pretty_exceptions_enable=False,  # some versions print local variables, a key among them
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Reward models for image generation that explain before they score.",
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"parrot {version('parrot-rewards')}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def main() -> None:
    """Runs the command line; every error of ours is one line on standard error."""
    _carry_all_text()
    if not sys.stderr.isatty():  # bars of other libraries would fill a log
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        app(prog_name="parrot")
    except RunStopped as stopped:
        if stopped.reason is StopReason.INTERRUPTED:
            _interrupted()
        _fail(f"stopped: {stopped}", 3)
    except ConfigError as error:
        _fail(f"error: {error}", 2)
    except ParrotError as error:
        _fail(f"error: {error}", 1)
    except ModuleNotFoundError as error:
        if (error.name or "parrot").partition(".")[0] == "parrot":
            raise
        _fail(f"error: {error.name} is not installed; `parrot doctor` says which extra has it", 2)
    except OSError as error:
        _fail(f"error: {_told(error)}", 1)


@contextmanager
def _before_typer() -> Iterator[None]:
    """Ends what is interrupted, or has no reader any more, before typer does it in its own way."""
    try:
        yield
        if sys.stdout is not None:  # closed before we began
            sys.stdout.flush()
    except BrokenPipeError:
        _mute()
        sys.exit(0)
    except KeyboardInterrupt:
        _interrupted()
    except BaseException:
        with suppress(OSError):
            _flush()
        raise


def _interrupted() -> NoReturn:
    _fail("interrupted; the same command goes on from what is stored", 130)


def _carry_all_text() -> None:
    """What the terminal's encoding lacks is escaped as JSON does it, so that JSON stays JSON."""
    codecs.register_error("parrot", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="parrot")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _told(error: OSError) -> str:
    # A disk or a permission that fails us is no bug of ours: a line, not a traceback.
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"


def _flush() -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _mute()


def _mute() -> None:
    # The reader of our output has gone (`parrot show | head`): nothing is left to say.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, status: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(status)
