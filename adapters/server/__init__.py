"""The reward server: `create_app(model)` for any ASGI server, `parrot serve` for uvicorn."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from parrot.adapters.server.limits import Limits
from parrot.core.errors import MissingExtraError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from parrot.core.pipelines.reward_model import RewardModel


def create_app(model: RewardModel, **settings: Any) -> FastAPI:
    """The application; settings: see `app.create_app`. Raises MissingExtraError."""
    try:
        made: FastAPI = import_module("parrot.adapters.server.app").create_app(model, **settings)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"fastapi", "starlette"}:
            raise
        raise MissingExtraError("the reward server", "server") from error
    return made


__all__ = ["Limits", "create_app"]
