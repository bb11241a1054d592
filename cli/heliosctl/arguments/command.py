"""The commands' classes: typer's, with plainer help and stricter numbers, and imported when they are asked for.

typer reads numbers as pydantic does, which takes 0-60 for −60 and 1_0 for 10, and shows a type for flags that take no
value. Help is given to rich as text, in which nothing is markup, so that every character of it arrives.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

import typer
import typer.main
from rich.markup import escape
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from helios_crds.numbers import shown

Function = TypeVar("Function", bound=Callable[..., Any])
# pydantic's messages, as a user of a command line would say them.
PLAIN = {
    "Value error, ": "",
    "Input should be greater than or equal to": "must be at least",
    "Input should be less than or equal to": "must be at most",
    "Input should be greater than": "must be above",
    "Input should be less than": "must be below",
    "Input should be": "must be",
}
WHOLE, DECIMAL = re.compile(r"-?[0-9]{1,18}"), re.compile(r"-?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})")


def in_plain_words(message: str) -> str:
    """A message of pydantic's without its jargon."""
    for jargon, plain in PLAIN.items():
        message = message.replace(jargon, plain)
    return message


class _Plain:
    """What commands with and without commands of their own share."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _tidy(self)

    def get_params(self, ctx: Any) -> Any:
        """The parameters, --help among them. Beside a flag, and an argument that says what it is, stands no type."""
        parameters = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if isinstance(parameter, TyperOption) and parameter.is_flag:
                parameter.metavar = ""
            elif isinstance(parameter, TyperArgument):
                parameter.display_type_rich = lambda ctx: None  # type: ignore[method-assign]
        return parameters


class Command(_Plain, TyperCommand):
    """A command; see the module's docstring."""


class Group(_Plain, TyperGroup):
    """A command with commands of its own; see the module's docstring."""


class Commands(typer.Typer):
    """A typer app whose commands have the classes above."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": Group, "no_args_is_help": True, "rich_markup_mode": "rich", **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """As typer's."""
        return super().command(name, **{"cls": Command, **settings})


@dataclass(frozen=True)
class LateCommand:
    """A command that is imported when it is asked for: the others of a program cost its start nothing.

    module, name: where its function is, or its app with commands of its own. panel: of the help.
    """

    module: str
    name: str
    panel: str

    def load(self, called: str) -> Any:
        """The command. called: its name on the command line."""
        found = getattr(import_module(self.module), self.name)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            alone = Commands(add_completion=False)
            alone.command(called)(found)
            command = typer.main.get_command(alone)
        command.name, command.rich_help_panel = called, self.panel
        return command


class LateCommands(Mapping[str, Any]):
    """Commands by name, each imported with the first look at it."""

    def __init__(self, table: Mapping[str, LateCommand]) -> None:
        self._table = table
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._table[name].load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def _tidy(command: Any) -> None:
    if command.help:
        paragraphs = (" ".join(paragraph.split()) for paragraph in command.help.split("\n\n"))
        command.help = escape("\n\n".join(paragraphs))
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = escape(parameter.help)
        annotation = parameter.type_descriptor.annotation
        if parameter.metavar is None and annotation in (int, float, str):
            parameter.metavar = parameter.name.upper() if annotation is str else "N"
        _check(parameter)


def _check(parameter: Any) -> None:
    """Has a parameter refuse empty texts and what is not a plain number, and say in plain words what it refuses."""
    process, annotation = parameter.process_value, parameter.type_descriptor.annotation
    has_reader = parameter.type_descriptor.parameter_info.parser is not None
    pattern, kind = (WHOLE, "a whole number") if annotation is int else (DECIMAL, "a number")

    def checked(ctx: Any, value: Any) -> Any:
        if isinstance(value, str) and value != parameter.default:
            if not value.strip():
                raise typer.BadParameter("it is empty.", ctx=ctx, param=parameter)
            if annotation in (int, float) and not has_reader and pattern.fullmatch(value.strip()) is None:
                raise typer.BadParameter(f"{shown(value)} is not {kind}.", ctx=ctx, param=parameter)
        try:
            return process(ctx, value)
        except typer.BadParameter as error:
            error.message = in_plain_words(error.message)
            raise

    parameter.process_value = checked
