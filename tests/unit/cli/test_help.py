"""What --help shows: every command and option is described, and every character of it arrives."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from heliosctl.app import app


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in getattr(group, "commands", {}).items():
        yield (*path, name), command
        yield from commands(command, (*path, name))


ROOT = typer.main.get_command(app)
EVERY = [((), ROOT), *commands(ROOT)]
OF_EVERY_COMMAND = pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*found, id=" ".join(found[0]) or "heliosctl") for found in EVERY]
)


def text_of_help(path: tuple[str, ...], columns: int = 220) -> str:
    """The help of a command as one line, without borders."""
    environment = {"COLUMNS": str(columns), "TERM": "dumb"}
    shown = CliRunner().invoke(app, [*path, "--help"], env=environment, standalone_mode=False)
    return " ".join(re.sub("[│╭╮╰╯─]", " ", shown.output).split())


def written(text: str) -> str:
    """A text as it was written, before rich's markup was escaped in it."""
    return " ".join(text.replace("\\[", "[").split())


@OF_EVERY_COMMAND
def test_every_command_and_option_is_described_in_sentences(path, command):
    assert command.help, path
    for parameter in command.params:
        described = getattr(parameter, "help", None)
        assert described, f"{' '.join(path)} {parameter.opts[0]} has no help"
        assert described.rstrip().endswith("."), f"{' '.join(path)} {parameter.opts[0]}: {described}"


@OF_EVERY_COMMAND
def test_no_character_of_a_help_text_is_eaten(path, command):
    shown = text_of_help(path)
    for described in (command.help, *(parameter.help for parameter in command.params)):
        assert written(described) in shown


@OF_EVERY_COMMAND
def test_a_flag_that_takes_no_value_shows_no_type(path, command):
    assert "<bool>" not in text_of_help(path)


def test_what_looks_like_markup_is_shown_as_it_is():
    from heliosctl.arguments.command import Commands

    described = "Reads __PROPS__, a [bold] *word*, _this_, `code`, [/] and <b>."
    sample = Commands()

    @sample.callback()
    def about() -> None:
        """Sample."""

    @sample.command("one")
    def one(value: int = typer.Option(1, "--value", help=described)) -> None:
        pass

    one.__doc__ = described
    shown = CliRunner().invoke(sample, ["one", "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.output.count("__PROPS__, a [bold] *word*, _this_, `code`, [/] and <b>.") >= 1


@pytest.mark.parametrize("given", ["0-60", "1_0", "10.0", "1e3", "٣", "many"])
@pytest.mark.parametrize("option", ["--width", "--chunks", "--seed", "--workers", "--crf", "--retries"])
def test_a_number_is_what_was_written_or_none(given, option):
    """pydantic would read 0-60 as −60, and 1_0 as 10."""
    done = CliRunner().invoke(app, ["render", "x.html", "-o", "x.mp4", f"{option}={given}"])
    assert done.exit_code != 0
    assert "is not a whole number" in done.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--artifacts", ""], "it is empty."),
        (["--entry", " "], "it is empty."),
        (["--workers", "0"], "must be at least 1"),
        (["--seeking", "quick"], "'quick' is not one of"),
    ],
)
def test_a_refusal_is_in_plain_words(options, said):
    done = CliRunner().invoke(app, ["render", "x.html", "-o", "x.mp4", *options], env={"COLUMNS": "200"})
    assert done.exit_code != 0
    assert said in done.output
    assert "Value error" not in done.output
    assert "Input should" not in done.output
