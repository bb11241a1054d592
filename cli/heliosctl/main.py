"""`heliosctl`: the commands and the one way they end.

Every failure is one message, and the exit code says whether another attempt makes sense: 0 done, 1 try again, 64 the
input is wrong, 75 memory, disk or time ran out, 130 and 143 stopped by a signal.
"""

import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer

from helios_crds.wire import ExitCode
from heliosctl.arguments.command import Commands
from heliosctl.commands.check import check
from heliosctl.commands.deploy import deploy
from heliosctl.commands.doctor import doctor
from heliosctl.commands.jobs import jobs
from heliosctl.commands.link import link
from heliosctl.commands.plan import plan
from heliosctl.commands.render import render
from heliosctl.commands.stills import contact_sheet, still
from heliosctl.commands.verify import verify
from heliosctl.switches import wants_json
from heliosctl.terminal.report import print_failure, print_json


class App(Commands):
    """A typer app that prints errors by print_failure, and ends with 64 after a usage error."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command line and ends the process with its exit code."""
        try:
            code = super().__call__(*args, standalone_mode=False, **kwargs)
        except typer.Abort:
            code = ExitCode.INTERRUPTED
        except Exception as error:
            code = ExitCode.USER_ERROR if _print_usage_error(error) else print_failure(error)
        sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def _print_usage_error(error: Exception) -> bool:
    """Prints an error in the command line itself, as typer would. False: it is another kind of error."""
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
        sys.stdout.write(f"heliosctl {version('helios-render')}\n")
        raise typer.Exit


app = App(
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


app.command(rich_help_panel="Films")(render)
app.command(rich_help_panel="Stills")(still)
app.command("contact-sheet", rich_help_panel="Stills")(contact_sheet)
app.command(rich_help_panel="Films")(plan)
app.command(rich_help_panel="Films")(check)
app.command(rich_help_panel="Films")(verify)
app.command(rich_help_panel="Films")(link)
app.add_typer(jobs, name="jobs", rich_help_panel="This machine")
app.add_typer(deploy, name="deploy", rich_help_panel="Clouds")
app.command(rich_help_panel="This machine")(doctor)
