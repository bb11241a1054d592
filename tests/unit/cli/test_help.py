"""What --help shows: every command and option is described, and names arrive as they are written."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from heliosctl.main import app


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in getattr(group, "commands", {}).items():
        yield (*path, name), command
        yield from commands(command, (*path, name))


EVERY = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize(("path", "command"), [pytest.param(*found, id=" ".join(found[0])) for found in EVERY])
def test_every_command_and_option_is_described_in_sentences(path, command):
    assert command.help, path
    for parameter in command.params:
        described = getattr(parameter, "help", None)
        assert described, f"{' '.join(path)} {parameter.opts[0]} has no help"
        assert described.rstrip().endswith("."), f"{' '.join(path)} {parameter.opts[0]}: {described}"


def test_help_shows_the_name_of_the_props_variable_whole():
    shown = CliRunner().invoke(app, ["render", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}, standalone_mode=False)
    assert "window.__HELIOS_PROPS__" in shown.output
