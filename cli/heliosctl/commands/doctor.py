"""`heliosctl doctor`: checks that this machine can render."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from helios_crds.wire import ExitCode
from heliosctl.arguments.options import ReportingOptions, StoreOptions, takes
from heliosctl.terminal.report import print_json, sentence, stdout

if TYPE_CHECKING:
    from heliosctl.local.checks import Check

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}


@takes(store=StoreOptions, reporting=ReportingOptions)
def doctor(store: StoreOptions, reporting: ReportingOptions) -> None:
    """Check that this machine can render: browser, encoder, fonts, limits, disk, and a render of three frames.

    The exit code is 0 if it can, and 1 if something is missing.
    """
    from heliosctl.local.checks import all_checks

    found: list[Check] = []
    for check in all_checks(store.url):
        found.append(check)
        if not reporting.as_json:
            _show(check)
    well = all(check.state != "fail" for check in found)
    if reporting.as_json:
        print_json({"ok": well, "checks": [asdict(check) for check in found]})
    raise typer.Exit(ExitCode.DONE if well else ExitCode.RETRYABLE)


def _show(check: "Check") -> None:
    mark, style = MARKS[check.state]
    console = stdout()
    console.print(Text.assemble((mark, style), " ", (f"{check.name:<16}", "bold"), check.detail), soft_wrap=True)
    if check.remedy:
        console.print(Text(f"  {'':<16}{sentence(check.remedy)}", style="cyan"), soft_wrap=True)
