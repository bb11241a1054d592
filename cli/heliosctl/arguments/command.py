"""The commands' classes: typer's, with plainer help and stricter numbers.

typer reads numbers as pydantic does, which takes 0-60 for −60 and 1_0 for 10, and shows a type for flags that take no
value. Help is given to rich as text, in which nothing is markup, so that every character of it arrives.
"""

import re
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup, TyperOption

from helios_crds.numbers import shown

WHOLE, DECIMAL = re.compile(r"-?[0-9]{1,18}"), re.compile(r"-?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})")


class Command(TyperCommand):
    """A command; see the module's docstring."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _tidy(self)

    def get_help_option(self, ctx: Any) -> Any:
        """--help, without a type."""
        return _without_type(super().get_help_option(ctx))


class Group(TyperGroup):
    """A command with commands of its own; see the module's docstring."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _tidy(self)

    def get_help_option(self, ctx: Any) -> Any:
        """--help, without a type."""
        return _without_type(super().get_help_option(ctx))


class Commands(typer.Typer):
    """A typer app whose commands have the classes above."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, no_args_is_help=True, rich_markup_mode="rich", **settings)

    def command(self, name: str | None = None, **settings: Any) -> Any:
        """As typer's."""
        return super().command(name, **{"cls": Command, **settings})


def _tidy(command: Any) -> None:
    if command.help:
        paragraphs = (" ".join(paragraph.split()) for paragraph in command.help.split("\n\n"))
        command.help = escape("\n\n".join(paragraphs))
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = escape(parameter.help)
        _without_type(parameter)
        if parameter.type_descriptor.annotation in (int, float):
            _check_number(parameter)


def _without_type(parameter: Any) -> Any:
    """A flag takes no value, so no type is shown beside it."""
    if isinstance(parameter, TyperOption) and parameter.is_flag:
        parameter.metavar = ""
    return parameter


def _check_number(parameter: Any) -> None:
    """Has a parameter refuse what is not a plain number."""
    process = parameter.process_value
    is_whole = parameter.type_descriptor.annotation is int
    pattern, kind = (WHOLE, "a whole number") if is_whole else (DECIMAL, "a number")
    if parameter.metavar is None:
        parameter.metavar = "N"

    def checked(ctx: Any, value: Any) -> Any:
        has_reader = parameter.type_descriptor.parameter_info.parser is not None
        if isinstance(value, str) and not has_reader and pattern.fullmatch(value.strip()) is None:
            raise typer.BadParameter(f"{shown(value)} is not {kind}.", ctx=ctx, param=parameter)
        return process(ctx, value)

    parameter.process_value = checked
