"""Links: addresses under which anybody may fetch an object of a bucket for a time."""

import os
from datetime import timedelta
from urllib.parse import quote, urlsplit

import obstore
from obstore.store import AzureStore, GCSStore, S3Store

from helios_worker.artifacts.access import StoreTimeouts, open_store
from helios_worker.artifacts.retry import insist
from helios_worker.errors import UserError

SIGNED_DAYS = 7


def signed_url(url: str, key: str, expires: timedelta, *, timeouts: StoreTimeouts | None = None) -> str:
    """A link to the object `key` of the bucket at `url`. Whether there is such an object is not asked.

    timeouts: by default the environment's.

    Raises:
        UserError: the store is no bucket, or the time is too long.
        StoreError: the credentials cannot sign.
    """
    url = url.rstrip("/") + "/"
    store = open_store(url, timeouts or StoreTimeouts.of(os.environ))
    if not isinstance(store, S3Store | GCSStore | AzureStore):
        raise UserError(
            f"{url}{key} is not in a bucket, and only buckets give out links",
            remedy="name an object such as s3://media/out/film.mp4",
        )
    if not timedelta(0) < expires <= timedelta(days=SIGNED_DAYS):
        raise UserError(f"a link's time is above 0 and at most {SIGNED_DAYS} days")
    doing = f"signing a link to {url}{key}"
    link = insist(doing, lambda: obstore.sign(store, "GET", key, expires))
    # obstore 0.12 does not encode what it signs, but for S3: the store would refuse such a link.
    path = urlsplit(link).path
    if not path.endswith("/" + quote(key, safe="/~")) or (isinstance(store, AzureStore) and "%" in path):
        raise UserError(
            f"{doing}: its name has characters that a link to this kind of store cannot have",
            remedy="name it with letters, digits, -, _ and .",
        )
    return link
