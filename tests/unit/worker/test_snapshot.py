"""Snapshots: what belongs to a composition, and that every chunk sees the same bytes."""

import hashlib
import os
import shutil
from pathlib import Path

import orjson
import pytest

import helios_worker.artifacts.snapshot
from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.digests import file_digest
from helios_worker.artifacts.snapshot import UnsteadyFile, load_snapshot, take_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.content.composition import locator
from helios_worker.errors import CorruptArtifact, UserError


@pytest.fixture
def store(tmp_path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A composition of a page, a script and a picture in a folder."""
    folder = tmp_path / "film"
    (folder / "img").mkdir(parents=True)
    (folder / "index.html").write_text("<script src=film.js></script>")
    (folder / "film.js").write_text("1")
    (folder / "img/a.png").write_bytes(b"png")
    return folder / "index.html"


WHOLE = ["film.js", "img/a.png", "index.html"]


def names(store, page, *exclude: Path) -> list[str]:
    return list(take_snapshot(store, page, exclude=frozenset(exclude)).files)


def test_a_page_comes_with_its_folder(store, page):
    assert names(store, page) == WHOLE


def test_every_file_is_stored_as_it_is(store, page):
    snapshot = take_snapshot(store, page)
    for name, digest in snapshot.files.items():
        assert store.get(f"blobs/{digest}") == (page.parent / name).read_bytes()
    assert load_snapshot(store, snapshot.digest) == snapshot


def test_what_is_hidden_stays_out(store, page):
    for name in (".env", "img/.secret", ".git/config", "img/.cache/x", "__pycache__/a.pyc"):
        (page.parent / name).parent.mkdir(exist_ok=True)
        (page.parent / name).write_text("secret")
    assert names(store, page) == WHOLE


def test_a_page_that_is_itself_hidden(store, page):
    hidden = page.with_name(".draft.html")
    hidden.write_text("draft")
    assert names(store, hidden) == [".draft.html", *WHOLE]


def test_links_out_of_the_folder_are_not_followed(store, page, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/key").write_text("secret")
    (page.parent / "key").symlink_to(tmp_path / "outside/key")
    (page.parent / "all").symlink_to(tmp_path / "outside")
    (page.parent / "passwd").symlink_to("/etc/passwd")
    (page.parent / "dead").symlink_to("nowhere")
    assert names(store, page) == WHOLE


def test_links_within_the_folder_are_followed(store, page):
    (page.parent / "same.js").symlink_to("film.js")
    (page.parent / "pictures").symlink_to("img")
    assert names(store, page) == ["film.js", "img/a.png", "index.html", "pictures/a.png", "same.js"]


def test_links_that_go_round_end(store, page):
    (page.parent / "again").symlink_to(".")
    (page.parent / "img/up").symlink_to("..")
    (page.parent / "other").mkdir()
    (page.parent / "other/img").symlink_to("../img")
    (page.parent / "img/other").symlink_to("../other")
    assert names(store, page) == [*WHOLE, "other/img/a.png"]


def test_what_leads_nowhere_or_has_no_name_in_an_address_stays_out(store, page):
    page.with_name("round").symlink_to("round")
    Path(os.fsdecode(os.fsencode(page.parent) + b"/\xff.png")).write_bytes(b"png")
    assert names(store, page) == WHOLE
    with pytest.raises(UserError, match="there is no page"):
        take_snapshot(store, page.with_name("round"), folder=page.parent)


def test_a_page_that_is_a_link_comes_with_the_folder_it_was_named_in(store, page, tmp_path):
    elsewhere = tmp_path / "elsewhere.html"
    elsewhere.write_text("page")
    (page.parent / "linked.html").symlink_to(elsewhere)
    snapshot = take_snapshot(store, page.parent / "linked.html")
    assert "film.js" in snapshot.files
    assert store.get(f"blobs/{snapshot.files['linked.html']}") == b"page"


def test_the_output_and_the_artifacts_are_no_part_of_it(store, page):
    (page.parent / "out.mp4").write_bytes(b"old film")
    (page.parent / "artifacts/blobs").mkdir(parents=True)
    (page.parent / "artifacts/blobs/x").write_bytes(b"blob")
    assert names(store, page, page.parent / "out.mp4", page.parent / "artifacts") == WHOLE


def test_exclusion_sees_through_relative_paths_and_links(store, page, monkeypatch):
    (page.parent / "out.mp4").write_bytes(b"old film")
    (page.parent.parent / "alias").symlink_to(page.parent)
    monkeypatch.chdir(page.parent)
    assert names(store, page, Path("out.mp4")) == WHOLE
    assert names(store, page, page.parent.parent / "alias/out.mp4") == WHOLE


def test_an_output_in_the_place_of_the_page_is_refused(store, page):
    with pytest.raises(UserError, match=r"output would overwrite the page .*index.html; choose another output"):
        take_snapshot(store, page, exclude=frozenset([page]))


def test_a_composition_does_not_hold_its_own_artifacts(store, page):
    with pytest.raises(UserError, match=r"artifact folder .* is the composition's own.*artifacts.url"):
        take_snapshot(store, page, exclude=frozenset([page.parent]))


def test_the_digest_is_of_the_content_alone(store, page, tmp_path):
    first = take_snapshot(store, page).digest
    shutil.copytree(page.parent, tmp_path / "copy")
    os.utime(tmp_path / "copy/film.js", (0, 0))
    (tmp_path / "copy/film.js").chmod(0o600)
    assert take_snapshot(store, tmp_path / "copy/index.html").digest == first


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda folder: (folder / "film.js").write_text("2"), id="a byte"),
        pytest.param(lambda folder: (folder / "film.js").rename(folder / "filn.js"), id="a name"),
        pytest.param(lambda folder: (folder / "more.js").write_text(""), id="an empty file"),
        pytest.param(lambda folder: (folder / "film.js").unlink(), id="a file less"),
    ],
)
def test_any_change_changes_the_digest(store, page, change):
    before = take_snapshot(store, page).digest
    change(page.parent)
    assert take_snapshot(store, page).digest != before


def test_another_page_of_the_same_folder_is_another_snapshot(store, page):
    shutil.copy(page, page.with_name("other.html"))
    assert take_snapshot(store, page).digest != take_snapshot(store, page.with_name("other.html")).digest


def test_equal_files_are_stored_once(store, page):
    shutil.copy(page.parent / "film.js", page.parent / "copy.js")
    take_snapshot(store, page)
    assert len(store.keys("blobs/")) == 3


def test_a_missing_page(store, tmp_path):
    with pytest.raises(UserError, match=r"there is no page .*nowhere.html; name an HTML file"):
        take_snapshot(store, tmp_path / "nowhere.html")


@pytest.mark.parametrize(("limit", "value"), [("MAX_FILES", 2), ("MAX_BYTES", 10)])
def test_too_much_for_a_composition(store, page, monkeypatch, limit, value):
    monkeypatch.setattr(helios_worker.artifacts.snapshot, limit, value)
    with pytest.raises(UserError, match=r"holds more than .* too much for a composition; put the page .* of its own"):
        take_snapshot(store, page)


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        pytest.param(Path.unlink, "disappeared while the plan read", id="removed"),
        pytest.param(lambda path: path.write_text("something longer"), "changed while the plan read it", id="written"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), "could not be read by the plan", id="replaced"),
    ],
)
def test_a_file_that_does_not_keep_still_is_named(store, page, monkeypatch, happens, said):
    """It happens after the folder was listed and the first file was read."""
    script = page.parent / "film.js"

    def digest_then(path: Path) -> str:
        try:
            return file_digest(path)
        finally:
            if path.name == ("film.js" if said.startswith("changed") else "index.html"):
                happens(script)

    monkeypatch.setattr("helios_worker.artifacts.snapshot.file_digest", digest_then)
    with pytest.raises(UnsteadyFile, match=rf"film.js {said}.*run the command again"):
        take_snapshot(store, page)
    monkeypatch.undo()
    kept = {key.removeprefix("blobs/") for key in store.keys("blobs/")}
    assert kept == {hashlib.sha256(store.get(f"blobs/{name}") or b"").hexdigest() for name in kept}


def test_a_file_that_may_not_be_read_is_named(store, page, monkeypatch):
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("helios_worker.artifacts.snapshot.file_digest", refuse)
    with pytest.raises(UserError, match=r"index.html .*may not be read: Permission denied; make it readable"):
        take_snapshot(store, page)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"entry": "index.html", "files": {}}', id="other files"),
        pytest.param(b'{"entry": "index.html"}', id="no files"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"null", id="null"),
        pytest.param(b"7", id="number"),
    ],
)
def test_an_altered_snapshot_is_refused(store, page, data):
    snapshot = take_snapshot(store, page)
    store.put(snapshot.key, data)
    with pytest.raises(CorruptArtifact, match=r"snapshot [0-9a-f]{64} .*plan the job again"):
        load_snapshot(store, snapshot.digest)


def test_a_truncated_snapshot_is_refused(store, page):
    snapshot = take_snapshot(store, page)
    store.put(snapshot.key, orjson.dumps(snapshot.model_dump())[:-9])
    with pytest.raises(CorruptArtifact, match="is not JSON"):
        load_snapshot(store, snapshot.digest)


def test_a_missing_snapshot(store):
    with pytest.raises(CorruptArtifact, match=r"snapshot .* is not in .*; plan the job again"):
        load_snapshot(store, "0" * 64)


async def test_the_locator_finds_files_only(store, page, tmp_path):
    (page.parent / "part").mkdir()
    (page.parent / "part/index.html").write_text("part")
    locate = locator(store, take_snapshot(store, page), Blobs(tmp_path))
    for name, content in {"film.js": "1", "part/index.html": "part", "": page.read_text()}.items():
        file = await locate(name)
        assert file is not None
        assert file.read_text() == content
    for name in ("nothing.js", "img", "part", "../store", "/etc/passwd"):
        assert await locate(name) is None
