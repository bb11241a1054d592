"""Archives of compositions: what is unpacked, and what never is."""

import gzip
import io
import random
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from helios_worker.sources.archive import BadArchive, Limits, unpack
from helios_worker.sources.names import is_archive
from tests.clouds.archives import add, tar_of, written, zip_of

LIMITS = Limits(files=20, bytes=100_000)
PAGE: dict[str, bytes | str] = {"index.html": "<p>", "img/a.png": b"png", "./film.js": "1"}
WHOLE = {"index.html": b"<p>", "img/a.png": b"png", "film.js": b"1"}


def unpacked(tmp_path: Path, data: bytes, name: str, limits: Limits = LIMITS) -> dict[str, bytes]:
    """What comes out of an archive."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack(written(tmp_path / "archive", data), folder, limits, name=name)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def noise(size: int) -> bytes:
    """Bytes that no packer makes smaller, the same in every run."""
    return random.Random(size).randbytes(size)


def raw_tar(*members: tuple[str, bytes, Mapping[str, object]], mode: str = "w:gz") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content, fields in members:
            add(tar, name, content, **fields)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", ""])
def test_a_tar_of_any_kind(tmp_path, kind):
    assert unpacked(tmp_path, tar_of(PAGE, kind), f"page.tar{'.' if kind else ''}{kind}") == WHOLE


def test_a_zip(tmp_path):
    assert unpacked(tmp_path, zip_of(PAGE), "page.zip") == WHOLE


def test_folders_of_their_own(tmp_path):
    data = raw_tar(("img", b"", {"type": tarfile.DIRTYPE}), ("img/a.png", b"png", {}))
    assert unpacked(tmp_path, data, "a.tgz") == {"img/a.png": b"png"}


def test_what_is_hidden_stays_out(tmp_path):
    links = ("node_modules/.bin/x", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})
    data = raw_tar(("index.html", b"<p>", {}), (".env", b"secret", {}), ("a/.git/config", b"secret", {}), links)
    assert unpacked(tmp_path, data, "a.tgz") == {"index.html": b"<p>"}


@pytest.mark.parametrize(
    "name", ["../outside", "a/../../outside", "/etc/cron.d/x", "..", "a/..", "..\\outside", "a\\b", "/"]
)
@pytest.mark.parametrize("suffix", [".tgz", ".zip"])
def test_no_name_leads_out_of_the_folder(tmp_path, name, suffix):
    data = tar_of({name: "x"}) if suffix == ".tgz" else zip_of({name: "x"})
    with pytest.raises(BadArchive, match=rf"the archive a{suffix} holds .* whose name leads out of its folder; pack"):
        unpacked(tmp_path, data, f"a{suffix}")
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "unpacked"}
    assert not list((tmp_path / "unpacked").rglob("*"))


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "a link"),
        ({"type": tarfile.SYMTYPE, "linkname": "index.html"}, "a link"),
        ({"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}, "a link"),
        ({"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}, "a device or a pipe"),
        ({"type": tarfile.FIFOTYPE}, "a device or a pipe"),
    ],
)
def test_files_only(tmp_path, fields, kind):
    data = raw_tar(("index.html", b"<p>", {}), ("strange", b"", fields))
    with pytest.raises(BadArchive, match=rf"holds 'strange', which is {kind}; .*--dereference"):
        unpacked(tmp_path, data, "a.tgz")
    assert not (tmp_path / "unpacked/strange").exists()


def test_a_link_that_a_file_would_go_through(tmp_path):
    """`d` leads out of the folder, `d/passwd` would be written there."""
    link = ("d", b"", {"type": tarfile.SYMTYPE, "linkname": str(tmp_path)})
    with pytest.raises(BadArchive, match="a link"):
        unpacked(tmp_path, raw_tar(link, ("d/passwd", b"x", {})), "a.tgz")
    assert not (tmp_path / "passwd").exists()


def test_a_link_in_a_zip(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        member = zipfile.ZipInfo("link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(member, "/etc/passwd")
    with pytest.raises(BadArchive, match="holds 'link', which is a link"):
        unpacked(tmp_path, data.getvalue(), "a.zip")


@pytest.mark.parametrize("suffix", [".tgz", ".zip"])
def test_what_would_burst_is_stopped(tmp_path, suffix):
    """40 MB of zeros are 40 kB when packed."""
    files = {f"{number}": b"\0" * 4_000_000 for number in range(10)}
    data = tar_of(files) if suffix == ".tgz" else zip_of(files)
    assert len(data) < 60_000
    with pytest.raises(BadArchive, match=r"holds more than 20 files or 10 MiB, too much for a composition"):
        unpacked(tmp_path, data, f"a{suffix}", Limits(files=20, bytes=10 << 20))
    assert sum(path.stat().st_size for path in (tmp_path / "unpacked").rglob("*")) <= 10 << 20


@pytest.mark.parametrize("suffix", [".tgz", ".zip"])
@pytest.mark.parametrize("hidden", ["", "."])
def test_too_many_files(tmp_path, suffix, hidden):
    files = {f"{hidden}{number}": b"" for number in range(41)}
    data = tar_of(files) if suffix == ".tgz" else zip_of(files)
    with pytest.raises(BadArchive, match="more than 20 files"):
        unpacked(tmp_path, data, f"a{suffix}")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_header_is_not_taken_into_memory_whatever_it_says(tmp_path, kind):
    """tarfile reads a long name at one go: 64 MiB of it are 64 kB when packed."""
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, 64 << 20
    data = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + b"\0" * (64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(BadArchive, match="a header of more than a MiB"):
            unpacked(tmp_path, data, "a.tgz")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_sparse_file_is_no_file(tmp_path):
    """A terabyte of nothing, in a header."""
    header = tarfile.TarInfo("hole")
    header.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[483:495] = b"%011o\0" % (1 << 32)
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:512]) + 8 * 32)
    with pytest.raises(BadArchive, match="a sparse file"):
        unpacked(tmp_path, gzip.compress(bytes(block) + b"\0" * 1024), "a.tgz")


def test_a_zips_directory_is_not_taken_into_memory_whatever_it_says(tmp_path):
    data = bytearray(zip_of(PAGE))
    at = data.rfind(b"PK\x05\x06")
    data[at + 12 : at + 16] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(BadArchive, match="more than 20 files"):
        unpacked(tmp_path, bytes(data), "a.zip")


def test_a_zip64(tmp_path):
    data = zip_of(PAGE)
    at = data.rfind(b"PK\x05\x06")
    with pytest.raises(BadArchive, match=r"zip64.*pack it as .tar.gz"):
        unpacked(tmp_path, data[:at] + b"PK\x06\x07" + b"\0" * 16 + data[at:], "a.zip")


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".tar.xz", ".tar", ".zip"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.8])
def test_half_an_archive(tmp_path, suffix, part):
    kind = suffix.removeprefix(".tar").removeprefix(".")
    files = {"index.html": noise(30_000), "film.js": noise(30_000)}
    data = zip_of(files) if suffix == ".zip" else tar_of(files, kind)
    with pytest.raises(BadArchive, match=rf"the archive page{suffix} is damaged: .*; pack it again, or send it again"):
        unpacked(tmp_path, data[: int(len(data) * part)], f"page{suffix}")


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_an_archive_with_a_wrong_byte(tmp_path, suffix):
    kind = suffix.removeprefix(".tar").removeprefix(".")
    files = {"a": noise(5000)}
    data = bytearray(zip_of(files) if suffix == ".zip" else tar_of(files, kind))
    data[len(data) // 2] ^= 0x40
    with pytest.raises(BadArchive, match="is damaged"):
        unpacked(tmp_path, bytes(data), f"page{suffix}")


def test_a_wrong_checksum_at_the_very_end(tmp_path):
    """tarfile itself stops before it."""
    data = bytearray(tar_of({"a": "x"}))
    data[-8] ^= 1
    with pytest.raises(BadArchive, match="is damaged"):
        unpacked(tmp_path, bytes(data), "a.tgz")


@pytest.mark.parametrize("data", [b"", b"<html>Not found</html>" * 100], ids=["nothing", "a web page"])
@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_what_is_no_archive(tmp_path, data, suffix):
    with pytest.raises(BadArchive, match="is damaged"):
        unpacked(tmp_path, data, f"page{suffix}")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param([("a", b""), ("a/b", b"")], "as a file and as a folder", id="file then folder"),
        pytest.param([("a/b", b""), ("a", b"")], "as a file and as a folder", id="folder then file"),
        pytest.param([("a", b"1"), ("a", b"2")], "twice", id="twice"),
        pytest.param([("n" * 300, b"")], "whose name is too long", id="long"),
        pytest.param([("\udce9", b"")], "whose name is not UTF-8", id="latin"),
    ],
)
def test_names_that_cannot_be(tmp_path, files, said):
    data = raw_tar(*[(name, content, {}) for name, content in files])
    with pytest.raises(BadArchive, match=said):
        unpacked(tmp_path, data, "a.tgz")


def test_an_encrypted_zip(tmp_path):
    data = bytearray(zip_of({"a": "x"}))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(magic) + at] |= 1
    with pytest.raises(BadArchive, match=r"cannot be unpacked: .*encrypted.*; pack it as .tar.gz"):
        unpacked(tmp_path, bytes(data), "a.zip")


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("s3://media/teaser.tar.gz", True),
        ("https://host/Teaser.TGZ?X-Amz-Signature=a/b", True),
        ("file:///films/a.zip", True),
        ("/films/a.tar.xz", True),
        ("https://host/page?file=a.zip", False),
        ("s3://media/teaser/", False),
        ("films/index.html", False),
    ],
)
def test_an_archive_is_known_by_its_end(url, is_one):
    assert is_archive(url) is is_one
