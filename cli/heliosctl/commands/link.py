"""`heliosctl link`: a temporary link to a film in a bucket."""

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import typer

from helios_worker.artifacts.links import signed_url
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path, split_object
from helios_worker.errors import UserError
from heliosctl.arguments.buckets import FIRST_TOUCH, check_bucket
from heliosctl.arguments.options import ReportingOptions, takes
from heliosctl.arguments.times import age
from heliosctl.terminal.report import print_json, print_labelled, stderr

LONGEST = timedelta(days=7)
PASSING_CREDENTIALS = ("AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


@takes(reporting=ReportingOptions)
def link(
    url: Annotated[
        str,
        typer.Argument(help="A film in a bucket, such as s3://media/out/film.mp4.", show_default=False, metavar="URL"),
    ],
    reporting: ReportingOptions,
    expires: Annotated[
        str, typer.Option("--expires", help="How long the link works: 30m, 12h or 7d (the longest).", metavar="TIME")
    ] = "1h",
) -> None:
    """Print a temporary https link to a film in a bucket.

    Anyone with the link can fetch the film until it expires. The link is printed here and stored nowhere.
    """
    lasts = age(expires, option="--expires")
    if not timedelta(0) < lasts <= LONGEST:
        raise UserError(f"--expires {expires} is out of range", remedy="write a time above 0 and at most 7d")
    place, name = split_object(url)
    if local_path(url) is not None or not name or not urlsplit(url).path.strip("/"):
        raise UserError(f"{url} is not a file in a bucket", remedy="name one, such as s3://media/out/film.mp4")
    check_bucket(place)  # the store's answer for a missing file does not say that its bucket is missing
    store = ArtifactStore(place, timeouts=FIRST_TOUCH)
    if store.size(name) is None:
        raise UserError(f"{url} not found", remedy="check the address, or render the film first")
    signed = signed_url(place, name, lasts, timeouts=FIRST_TOUCH)
    if reporting.as_json:
        print_json({"url": signed, "expires": (datetime.now(UTC) + lasts).isoformat(timespec="seconds")})
        return
    sys.stdout.write(f"{signed}\n")
    if url.startswith("s3://") and any(os.environ.get(variable) for variable in PASSING_CREDENTIALS):
        print_labelled(
            stderr(), "Note", "the link stops working earlier if the credentials that signed it expire first"
        )
