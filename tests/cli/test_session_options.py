"""A command's options become the way models are asked: each under its own name, none lost."""

import inspect

import pytest
from attrs import fields

from parrot.cli.filter import filter_
from parrot.cli.judge import judge
from parrot.cli.project import project
from parrot.cli.rationalize import rationalize
from parrot.cli.session import _NAMED, Asking, asking_of


def test_every_option_lands_in_its_field():
    given = {name: float(number) for number, name in enumerate(_NAMED, start=1)}
    asking = asking_of(given | {"out": "elsewhere"})
    assert asking == Asking(*map(float, range(1, 11)))


def test_what_a_command_does_not_offer_keeps_its_default():
    assert asking_of({"concurrency": 3}) == Asking(3)


@pytest.mark.parametrize("command", [judge, rationalize, filter_, project])
def test_the_commands_that_bound_a_run_offer_every_option(command):
    assert set(_NAMED) <= set(inspect.signature(command).parameters)
    assert set(_NAMED.values()) == {one.name for one in fields(Asking)} - {"models"}
