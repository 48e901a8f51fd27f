"""`parrot serve`: a critic behind HTTP, for trainers and for anyone who speaks OpenAI's form."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from parrot.adapters.rubrics import rubric_named
from parrot.adapters.server import Limits, create_app
from parrot.cli import options
from parrot.cli.choices import chosen_member, chosen_prompt
from parrot.cli.session import open_spec, run_async
from parrot.core.errors import ConfigError, MissingExtraError
from parrot.core.formats import Form
from parrot.core.pipelines.reward_model import CACHED, RewardModel
from parrot.core.rewards.aggregates import aggregate_named

if TYPE_CHECKING:
    from fastapi import FastAPI

TOKEN = "PARROT_SERVER_TOKEN"  # noqa: S105  the variable's name, not a token
SERVER = "Server"


def serve(
    *,
    critic: Annotated[
        str, typer.Option(help="Who scores (kind:target).", rich_help_panel=options.MODELS)
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on.", rich_help_panel=SERVER)
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 for any.", rich_help_panel=SERVER)
    ] = 8100,
    rubric: options.RubricName = "auto",
    aggregate: Annotated[
        str,
        typer.Option(
            help="mean, worst, geometric, weighted:KEY=2,..., lexicographic:KEY,...",
            rich_help_panel=options.WORDS,
        ),
    ] = "mean",
    form: Annotated[
        str,
        typer.Option(
            help="pointwise, or pairwise: win rates inside a request's group.",
            rich_help_panel=options.WORDS,
        ),
    ] = "pointwise",
    samples: Annotated[
        int, typer.Option(min=1, help="Critiques a drawing.", rich_help_panel=options.WORDS)
    ] = 1,
    expected: Annotated[
        bool,
        typer.Option(
            "--expected",
            help="Reward by expected scores, from the critic's log-probabilities.",
            rich_help_panel=options.WORDS,
        ),
    ] = False,
    reply_format: options.FormatName = "markup",
    layout: options.LayoutName = "prefix-first",
    wording: options.WordingFile = None,
    concurrency: options.Concurrency = 64,
    cached: Annotated[
        int, typer.Option(min=1, help="Replies kept in memory.", rich_help_panel=options.BOUNDS)
    ] = CACHED,
    queue: Annotated[
        int,
        typer.Option(min=1, help="Drawings taken on at once.", rich_help_panel=options.BOUNDS),
    ] = Limits().queue,
    max_body_mib: Annotated[
        int, typer.Option(min=1, help="MiB of one request.", rich_help_panel=options.BOUNDS)
    ] = 64,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Pixels of one image.", rich_help_panel=options.BOUNDS)
    ] = Limits().pixels,
    edit_r1_pickle: Annotated[
        bool,
        typer.Option(
            "--edit-r1-pickle",
            help="Also read Edit-R1's pickles (plain containers only).",
            rich_help_panel=SERVER,
        ),
    ] = False,
    tag: options.Tag = None,
) -> None:
    """Serves rewards: POST /score, and the forms of Flow-Factory, UniRL, Edit-R1 and OpenAI.

    With PARROT_SERVER_TOKEN set, requests need it as their bearer token. Ctrl-C or SIGTERM answers
    what is under way and stops.
    """
    token = _token(host)
    model = RewardModel(
        lambda: open_spec(critic, connections=concurrency, tag=tag),
        rubric_named(rubric),
        aggregate_named(aggregate),
        prompt=chosen_prompt(layout, reply_format, wording),
        samples=samples,
        form=chosen_member(Form, "form", form),
        expected=expected,
        max_concurrency=concurrency,
        cached=cached,
    )
    body = max_body_mib * 2**20
    limits = Limits(body=body, pixels=max_pixels, queue=queue, held=max(Limits().held, body))
    app = create_app(model, limits=limits, token=token, pickles=edit_r1_pickle)
    _run(app, host, port, model)


def _run(app: FastAPI, host: str, port: int, model: RewardModel) -> None:
    """Serves until told to stop; the address is printed once it is bound, before the critic opens."""
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("parrot serve", "server") from error
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=30,
        server_header=False,
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as bound:
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"http://{shown}:{bound.getsockname()[1]}")
        run_async(model.open)  # here, so that a critic that does not open is one line
        try:
            uvicorn.Server(config).run(sockets=[bound])
        except KeyboardInterrupt:  # nothing was cut short: no line that says so
            raise typer.Exit(130) from None


def _token(host: str) -> str | None:
    token = os.environ.get(TOKEN)
    if token == "":
        raise ConfigError(f"{TOKEN} is set and empty")
    if token is None and not _loopback(host):
        typer.echo(f"anyone who reaches {host} may ask: {TOKEN} is not set", err=True)
    return token


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
