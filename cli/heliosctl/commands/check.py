"""`heliosctl check`: what a page uses that will be slow, stateful, refused or unlike, before any render."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from helios_crds.remedies import in_flags
from helios_crds.wire import ExitCode
from heliosctl.arguments.buckets import open_artifacts
from heliosctl.arguments.headers import page_headers
from heliosctl.arguments.options import FilmOptions, HeaderOptions, PageOptions, ReportingOptions, StoreOptions, takes
from heliosctl.arguments.request import build_request
from heliosctl.arguments.source import resolve_source, split_source
from heliosctl.commands.render import SOURCE
from heliosctl.errors import Failure
from heliosctl.local.browsers import browsers_here
from heliosctl.terminal import interrupt
from heliosctl.terminal.report import print_json, sentence, stderr, stdout

if TYPE_CHECKING:
    from helios_worker.checking.findings import Finding
    from helios_worker.stages.check import CheckResult

GUIDE = "docs/pages.md"
COLOURS = {"refused": "red", "stateful": "yellow", "slow": "yellow", "unlike": "yellow", "note": "cyan"}


@takes(film=FilmOptions, page=PageOptions, headers=HeaderOptions, store=StoreOptions, reporting=ReportingOptions)
def check(
    source: Annotated[str, SOURCE],
    film: FilmOptions,
    page: PageOptions,
    headers: HeaderOptions,
    store: StoreOptions,
    reporting: ReportingOptions,
) -> None:
    """Check a page before rendering it: what in it will be slow, stateful, refused, or unlike in a browser.

    Each finding names the line of the page, what happens in a film and what to do. The exit code is 64 if a render
    would be refused, and 0 otherwise.
    """
    url = resolve_source(source, store.url, page.entry)
    sent = page_headers(headers, split_source(url)[0])

    async def look() -> "CheckResult":
        async with browsers_here(sent) as browsers:
            from heliosctl.local.checking import check_page

            request = build_request(url, film, page)
            return await check_page(request, open_artifacts(store.url), browsers)

    with Status("Checking", console=stderr()):
        result = interrupt.run(look())
    if reporting.as_json:
        print_json(_as_json(source, result))
        if result.refusal is not None:
            raise typer.Exit(ExitCode.USER_ERROR)
        return
    _show(stdout(), source, result)
    if result.refusal is not None:
        raise result.refusal


def _as_json(source: str, result: "CheckResult") -> dict[str, Any]:
    shown: dict[str, Any] = {"source": source, "findings": [_finding(finding) for finding in result.findings]}
    if result.refusal is not None:
        shown["refusal"] = Failure.of(result.refusal).as_json()
    return shown


def _finding(finding: "Finding") -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "file": finding.file,
        "line": finding.line or None,
        "morePlaces": finding.more,
        "what": in_flags(finding.what),
        "then": finding.then,
        "remedy": finding.remedy,
        "guide": f"{GUIDE}#{anchor(finding.section)}",
    }


def anchor(section: str) -> str:
    """The address of a section within its page.

    >>> anchor("What is slow")
    'what-is-slow'
    """
    return section.lower().replace(" ", "-")


def _show(console: Console, source: str, result: "CheckResult") -> None:
    for finding in result.findings:
        if finding.severity == "refused":  # the error says it
            continue
        place = f"{finding.file}:{finding.line}" if finding.line else finding.file or source
        more = f" (and {finding.more} more)" if finding.more else ""
        line = Text(f"{place}: ", style="bold")
        line.append(finding.severity, style=COLOURS[finding.severity])
        line.append(f": {in_flags(finding.what)}{more}", style="default")
        console.print(line, soft_wrap=True)
        then = " ".join(sentence(each) for each in (finding.then, finding.remedy) if each)
        console.print(Text(f'  {then} See "{finding.section}" in {GUIDE}.', style="dim"), soft_wrap=True)
    if result.refusal is None:
        count = len(result.findings)
        said = "nothing found" if not count else "1 finding" if count == 1 else f"{count} findings"
        console.print(Text(f"{source}: {said}, nothing that refuses it", style="green"), soft_wrap=True)
