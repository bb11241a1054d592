"""The commands' classes: typer's, with plainer help and stricter numbers.

typer reads numbers as pydantic does, which takes 0-60 for −60 and 1_0 for 10, and shows a type for flags that take no
value. Help is given to rich as text, in which nothing is markup, so that every character of it arrives.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import typer
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
        super().__init__(cls=Group, no_args_is_help=True, rich_markup_mode="rich", **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """As typer's."""
        return super().command(name, **{"cls": Command, **settings})


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
