"""Headers and cookies for the page's server: from options and a file to what workers are given."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from helios_worker.errors import UserError
from helios_worker.network.origin_headers import OriginHeaders, cookie_in, header_in, read_headers
from heliosctl.arguments.options import HeaderOptions

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
        more, baked = read_headers(Path(options.headers_from).expanduser())
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
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "helios"
    file = state / "headers.key"
    with suppress(OSError):
        state.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(made, secrets.token_bytes(KEY_BYTES))
            finally:
                os.close(made)
        key = file.read_bytes()
        return key if len(key) == KEY_BYTES else None
    return None
