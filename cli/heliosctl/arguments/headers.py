"""Headers and cookies for the page's server: from options and a file to what workers are given."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from helios_worker.errors import UserError
from helios_worker.network.given_headers import cookie_in, header_in, read_headers
from helios_worker.network.origin_headers import OriginHeaders
from heliosctl.arguments.options import HeaderOptions
from heliosctl.arguments.paths import expanded, own_folder

KEY_BYTES = 32


def page_headers(options: HeaderOptions, url: str) -> OriginHeaders:
    """What the options give for the server of a page. url: of the page.

    Raises:
        UserError: one of them may not be sent, or the page is not on the web. No message has a value.
    """
    headers = [header_in(text, "--header") for text in options.header or ()]
    if any(name.lower() == "cookie" for name, _ in headers):
        raise UserError("--header is not for cookies", remedy="give each by --cookie NAME=VALUE")
    cookies = [cookie_in(text, "--cookie") for text in options.cookie or ()]
    if options.headers_from is not None:
        more, baked = read_headers(expanded(options.headers_from), url)
        headers += more
        cookies += baked
    if not headers and not cookies:
        return OriginHeaders()
    return OriginHeaders.to(url, headers, cookies, key=own_key())


def own_key() -> bytes | None:
    """This user's key to what recordings say of headers, made when first needed.

    It is in no artifact store: who reads a store must not be able to try out values. None where it cannot be kept; then
    a render with headers does not continue an earlier one.
    """
    with suppress(OSError, UserError):
        file = own_folder("XDG_STATE_HOME", ".local", "state") / "helios" / "headers.key"
        file.parent.mkdir(parents=True, exist_ok=True)
        return _key_in(file) or _made(file)
    return None


def _key_in(file: Path) -> bytes | None:
    """The key in a file; None if there is no file, or one that was not written to its end."""
    try:
        key = file.read_bytes()
    except FileNotFoundError:
        return None
    return key if len(key) == KEY_BYTES else None


def _made(file: Path) -> bytes | None:
    """A new key in a file, or the one that another command has made meanwhile. No reader ever sees a part of it."""
    handle, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # for this user alone
    try:
        with os.fdopen(handle, "wb") as data:
            data.write(secrets.token_bytes(KEY_BYTES))
        if file.exists() and _key_in(file) is None:
            Path(draft).replace(file)
        else:
            with suppress(FileExistsError):
                os.link(draft, file)
    finally:
        Path(draft).unlink(missing_ok=True)
    return _key_in(file)
