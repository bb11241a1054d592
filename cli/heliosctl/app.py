"""`heliosctl`: the commands and the one way they end.

Every failure is one message, and the exit code says whether another attempt makes sense: 0 done, 1 try again, 64 the
input is wrong, 75 memory, disk or time ran out, 130 and 143 stopped by a signal.

A command's module is imported when the command is called, so this one imports little.
"""

import sys
from typing import Annotated, Any

import typer

from heliosctl.arguments.command import Commands, Group, LateCommand, LateCommands

FILMS, STILLS, THIS_MACHINE, CLOUDS = "Films", "Stills", "This machine", "Clouds"
COMMANDS = {
    "render": LateCommand("heliosctl.commands.render", "render", FILMS),
    "still": LateCommand("heliosctl.commands.stills", "still", STILLS),
    "contact-sheet": LateCommand("heliosctl.commands.stills", "contact_sheet", STILLS),
    "plan": LateCommand("heliosctl.commands.plan", "plan", FILMS),
    "check": LateCommand("heliosctl.commands.check", "check", FILMS),
    "verify": LateCommand("heliosctl.commands.verify", "verify", FILMS),
    "link": LateCommand("heliosctl.commands.link", "link", FILMS),
    "doctor": LateCommand("heliosctl.commands.doctor", "doctor", THIS_MACHINE),
    "jobs": LateCommand("heliosctl.commands.jobs", "jobs", THIS_MACHINE),
    "deploy": LateCommand("heliosctl.commands.deploy", "deploy", CLOUDS),
}


class Root(Group):
    """The group of all commands."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands = LateCommands(COMMANDS)  # type: ignore[assignment]


class App(Commands):
    """A typer app that prints errors by print_failure, and ends with 64 after a usage error."""

    def run(self) -> int:
        """Runs the command line. Returns the exit code."""
        try:
            code = self(standalone_mode=False)
        except Exception as error:
            return _failed(error)
        return code if isinstance(code, int) else 0


def _failed(error: Exception) -> int:
    """Prints an error, and returns the exit code."""
    from helios_crds.wire import ExitCode
    from heliosctl.terminal.report import print_failure

    if isinstance(error, typer.Abort):
        return ExitCode.INTERRUPTED
    return ExitCode.USER_ERROR if _print_usage_error(error) else print_failure(error)


def _print_usage_error(error: Exception) -> bool:
    """Prints an error in the command line itself, as typer would. False: it is another kind of error."""
    from helios_crds.wire import ExitCode
    from heliosctl.switches import wants_json
    from heliosctl.terminal.report import print_json

    message = getattr(error, "format_message", None)
    if message is None:
        return False
    if wants_json():
        print_json({"error": "UsageError", "message": message(), "exitCode": int(ExitCode.USER_ERROR)})
    else:
        from typer.rich_utils import rich_format_error

        rich_format_error(error)  # type: ignore[arg-type]
    return True


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"heliosctl {version('helios-render')}\n")
        raise typer.Exit


app = App(
    cls=Root,
    name="heliosctl",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def heliosctl(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Render web pages to exact video, in parallel chunks."""
