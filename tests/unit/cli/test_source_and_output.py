"""Where a film comes from and where it goes, checked before anything is started."""

import io
import sys

import pytest

from helios_worker.errors import UserError
from heliosctl.arguments.options import FilmOptions, PageOptions, StoreOptions
from heliosctl.arguments.output import STILL_SUFFIXES, check_output
from heliosctl.arguments.request import build_request
from heliosctl.arguments.source import resolve_source, split_source


def test_a_relative_output_becomes_absolute_and_its_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_output("films/a.mp4") == str(tmp_path / "films/a.mp4")
    assert (tmp_path / "films").is_dir()
    assert list((tmp_path / "films").iterdir()) == []


def test_an_object_in_a_bucket_is_taken_as_it_is():
    assert check_output("s3://bucket/film.mp4") == "s3://bucket/film.mp4"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("film.mov", "does not end in .mp4"),
        ("film", "does not end in .mp4"),
        ("s3://bucket/film.webm", "does not end in .mp4"),
        ("file.txt/film.mp4", "cannot be written"),
        (".", "is a folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused(output, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("a file")
    with pytest.raises(UserError, match=message):
        check_output(output)


def test_stills_are_png(tmp_path):
    with pytest.raises(UserError, match="stills are written as PNG"):
        check_output(str(tmp_path / "still.jpg"), STILL_SUFFIXES)


def test_sources_that_are_elsewhere_are_taken_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for source in ("s3://media/teaser/", "gs://media/teaser/a.html", "az://media/t.tar.gz", "https://host/t.tgz?sig=1"):
        assert resolve_source(source, tmp_path.as_uri()) == source
    (tmp_path / "teaser.tgz").write_bytes(b"")
    assert resolve_source("teaser.tgz", tmp_path.as_uri()) == str(tmp_path / "teaser.tgz")


@pytest.mark.parametrize(
    ("source", "page", "query"),
    [
        ("page.html?a=1#b", "page.html", "?a=1#b"),
        ("page.html#b?c", "page.html", "#b?c"),
        ("film?a=1", "film", "?a=1"),
        ("film/#/scene/2", "film/", "#/scene/2"),
        ("film #1 100%/näme + ü.html?x", "film #1 100%/näme + ü.html", "?x"),
        ("film #1 100%/näme + ü.html", "film #1 100%/näme + ü.html", ""),
        ("odd?name.html", "odd?name.html", ""),
        ("film #1 100%/gone.html?x", "film #1 100%/gone.html?x", ""),
        ("s3://media/teaser/a.html?a#b", "s3://media/teaser/a.html", "?a#b"),
        ("https://host/a.html?a#b", "https://host/a.html?a#b", ""),
        ("-", "-", ""),
    ],
)
def test_what_follows_the_page_is_its_query(source, page, query, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("film", "film #1 100%"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "index.html").write_text("<p>")
    for name in ("page.html", "odd?name.html", "film #1 100%/näme + ü.html"):
        (tmp_path / name).write_text("<p>")
    assert split_source(source) == (page, query)


def test_a_resolved_source_keeps_its_query(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text("<p>")
    resolved = resolve_source("page.html?lang=de#intro", tmp_path.as_uri())
    composition = build_request(resolved, FilmOptions(), PageOptions()).composition
    assert (composition.url, composition.query) == (str(tmp_path / "page.html"), "?lang=de#intro")


def test_a_folder_whose_page_has_another_name(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/one.html").write_text("<p>")
    assert resolve_source(str(tmp_path), tmp_path.as_uri(), "pages/one.html") == str(tmp_path)
    with pytest.raises(UserError, match=r"there is no two.html in"):
        resolve_source(str(tmp_path), tmp_path.as_uri(), "two.html")


@pytest.mark.parametrize(
    ("source", "message", "remedy"),
    [
        ("nowhere.html", "page nowhere.html not found", "an HTML file"),
        ("film.mp4", "film.mp4 is not a page", "an HTML file"),
        ("empty", "no index.html in empty", "the folder"),
        ("other", "no index.html in other", "name the page itself: other/teaser.html or other/trailer.html"),
        ("ftp://host/page.html", "http://", "check the address"),
        ("http:///page.html", "is not a valid address", "https://example.org"),
        ("s3://media/out/film.mp4", "film.mp4 is not a page: it ends in .mp4", ".tar.gz"),
        ("gs://media/page.json.gz", "is not a page: it ends in .gz", ".tar.gz"),
    ],
)
def test_a_source_that_cannot_be_is_refused(source, message, remedy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mp4").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "teaser.html").write_text("<p>")
    (tmp_path / "other" / "trailer.html").write_text("<p>")
    with pytest.raises(UserError, match=message) as caught:
        resolve_source(source, tmp_path.as_uri())
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    "source", ["page.html", "https://host/page.html", "s3://media/page.html"], ids=["file", "web", "bucket"]
)
def test_an_entry_of_a_single_page_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text("<p>")
    with pytest.raises(UserError, match=r"--entry other\.html would be ignored"):
        resolve_source(source, tmp_path.as_uri(), "other.html")


def test_an_entry_within_an_archive_or_a_folder_of_a_bucket_is_taken(tmp_path):
    for source in ("https://host/teaser.zip", "s3://media/teaser/", "s3://media/teaser.tar.gz"):
        assert resolve_source(source, tmp_path.as_uri(), "other.html") == source


def test_the_same_html_on_standard_input_is_the_same_source(tmp_path, monkeypatch):
    def resolve(html: bytes) -> str:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(html)))
        return resolve_source("-", tmp_path.as_uri())

    assert resolve(b"<p>one") == resolve(b"<p>one")
    assert resolve(b"<p>one") != resolve(b"<p>two")


def test_an_empty_standard_input_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b" \n")))
    with pytest.raises(UserError, match="is empty"):
        resolve_source("-", tmp_path.as_uri())


@pytest.mark.parametrize(
    ("chosen", "environment", "url", "is_default"),
    [
        ("s3://bucket/prefix", {}, "s3://bucket/prefix", False),
        ("/store", {}, "file:///store", False),
        (None, {"HELIOS_ARTIFACTS": "/from/environment"}, "file:///from/environment", False),
        ("/store", {"HELIOS_ARTIFACTS": "/from/environment"}, "file:///store", False),
        (None, {"XDG_CACHE_HOME": "/cache"}, "file:///cache/helios/artifacts", True),
        (None, {"HOME": "/home/someone"}, "file:///home/someone/.cache/helios/artifacts", True),
    ],
)
def test_where_artifacts_are_kept(chosen, environment, url, is_default, monkeypatch):
    for name in ("HELIOS_ARTIFACTS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    options = StoreOptions(chosen)
    assert (options.url, options.is_default) == (url, is_default)
