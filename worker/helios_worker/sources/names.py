"""Which names and addresses are those of pages, archives and buckets."""

from urllib.parse import urlsplit

PAGE_SUFFIXES = (".html", ".htm", ".xhtml", ".svg")
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
ARCHIVE_SUFFIXES = (*TAR_SUFFIXES, ".zip")
BUCKETS = ("s3://", "s3a://", "gs://", "az://", "azure://", "abfs://", "abfss://")


def is_archive(url: str) -> bool:
    """Whether an address or a path ends as an archive's does.

    >>> is_archive("https://host/teaser.tar.gz?signature=a"), is_archive("teaser/")
    (True, False)
    """
    path = urlsplit(url).path if "://" in url else url
    return path.lower().endswith(ARCHIVE_SUFFIXES)


def needs_fetching(url: str) -> bool:
    """Whether a composition must be fetched first: it is in a bucket, or in an archive anywhere."""
    return url.startswith(BUCKETS) or is_archive(url)
