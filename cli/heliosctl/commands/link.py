"""`heliosctl link`: an address under which anybody may fetch a film for a time."""

import os
import sys
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

import typer

from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path, split_object
from helios_worker.errors import UserError
from heliosctl.arguments.buckets import FIRST_TOUCH, check_bucket
from heliosctl.arguments.options import ReportingOptions, takes
from heliosctl.arguments.request import age
from heliosctl.terminal.report import print_json, print_labelled, stderr

PASSING_CREDENTIALS = ("AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


@takes(reporting=ReportingOptions)
def link(
    url: Annotated[
        str, typer.Argument(help="A film in a bucket, such as s3://media/out/film.mp4.", show_default=False)
    ],
    reporting: ReportingOptions,
    expires: Annotated[
        str, typer.Option("--expires", help="How long it lasts: 30m, 12h or 7d, which is the longest.", metavar="TIME")
    ] = "1h",
) -> None:
    """Print an https address under which anybody may fetch a film from its bucket, for a time.

    Whoever has the address has the film: it is printed here and kept nowhere.
    """
    lasts = age(expires, option="--expires")
    place, name = split_object(url)
    if local_path(url) is not None or not name or not urlsplit(url).path.strip("/"):
        raise UserError(f"{url} is no object in a bucket", remedy="name one, such as s3://media/out/film.mp4")
    check_bucket(place)  # a missing object is told without a word on its bucket
    store = ArtifactStore(place, patience=FIRST_TOUCH)
    if store.size(name) is None:
        raise UserError(f"there is no {url}", remedy="correct its address, or render it first")
    signed = store.signed_url(name, lasts)
    if reporting.as_json:
        print_json({"url": signed, "expires": (datetime.now(UTC) + lasts).isoformat(timespec="seconds")})
        return
    sys.stdout.write(f"{signed}\n")
    if url.startswith("s3://") and any(os.environ.get(variable) for variable in PASSING_CREDENTIALS):
        print_labelled(stderr(), "Note", "the link ends with the credentials that signed it, if they end first")
