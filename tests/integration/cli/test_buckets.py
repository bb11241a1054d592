"""heliosctl with its artifacts, its films and its pages in a bucket. The server is versitygw, a real one."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from helios_worker.artifacts.store import ArtifactStore
from heliosctl.local.checks import check_artifacts
from tests.clouds.archives import tar_of
from tests.clouds.gcs_server import gcs_server
from tests.clouds.s3_server import BUCKET, SECRET, s3_environment, s3_server
from tests.integration.cli.conftest import Cli, html

prefixes = count()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of an S3 server of this machine."""
    with s3_server(tmp_path_factory.mktemp("s3") / "buckets") as server:
        yield server


@pytest.fixture
def place(cli: Cli, address: str, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    """A part of the bucket that no other test uses; heliosctl has the keys to it."""
    for name, value in s3_environment(address).items():
        monkeypatch.setenv(name, value)
        cli.environment[name] = value
    return ArtifactStore(f"s3://{BUCKET}/{next(prefixes)}")


def test_a_film_from_a_bucket_to_a_bucket(cli: Cli, place: ArtifactStore):
    place.put("page.tar.gz", tar_of({"films/teaser.html": html(frames=12)}))
    arguments = [f"{place.url}page.tar.gz", "--entry", "films/teaser.html", "--artifacts", f"{place.url}artifacts"]
    arguments += ["--unit-frames", "6", "--frames-per-chunk", "6"]
    report = cli.render(*arguments, output=f"{place.url}out/film.mp4")
    assert (report["frames"], report["chunks"], report["cachedChunks"]) == (12, 2, 0)
    assert place.size("out/film.mp4") == report["bytes"]
    again = cli.render(*arguments, output=f"{place.url}out/again.mp4")
    assert (again["cachedChunks"], again["sha256"]) == (2, report["sha256"])
    listed = cli.run("jobs", "list", "--json", "--artifacts", f"{place.url}artifacts").report["jobs"]
    assert {job["output"] for job in listed} == {f"{place.url}out/film.mp4", f"{place.url}out/again.mp4"}


def test_a_link_gives_the_film_to_anybody(cli: Cli, place: ArtifactStore):
    place.put("out/film.mp4", b"a film")
    done = cli.run("link", f"{place.url}out/film.mp4", "--expires", "30m")
    assert (done.code, done.err) == (0, "")
    with urllib.request.urlopen(done.out.strip()) as answer:
        assert answer.read() == b"a film"
    told = cli.run("link", f"{place.url}out/film.mp4", "--json").report
    ends = datetime.fromisoformat(told["expires"])
    assert timedelta(minutes=55) < ends - datetime.now(UTC) < timedelta(minutes=65)
    assert SECRET not in done.out


def test_a_link_ends(cli: Cli, place: ArtifactStore):
    place.put("out/film.mp4", b"a film")
    link = cli.run("link", f"{place.url}out/film.mp4", "--expires", "1s").out.strip()
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while datetime.now(UTC) < deadline:
        try:
            urllib.request.urlopen(link).close()
        except urllib.error.HTTPError as refused:
            assert refused.code == 403  # noqa: PT017 - that it is refused is what is waited for
            return
    pytest.fail("the link still works")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{place}out/gone.mp4"], "{place}out/gone.mp4 not found. Check the address, or render the film first."),
        (["{place}out/film.mp4", "--expires", "8d"], "at most 7d"),
        (["{place}out/film.mp4", "--expires", "0s"], "above 0 and at most 7d"),
        (["{place}out/film.mp4", "--expires", "soon"], "--expires soon is not a valid duration"),
        (["film.mp4"], "film.mp4 is not a file in a bucket. Name one, such as s3://media/out/film.mp4."),
        (["s3://films"], "s3://films is not a file in a bucket"),
        (["s3://nobody/film.mp4"], "there is no such bucket (404 NoSuchBucket"),
        (["ftp://host/film.mp4"], "ftp://host/ is not the address of a store"),
    ],
)
def test_a_link_to_what_is_not_there(cli: Cli, place: ArtifactStore, arguments: list[str], said: str):
    place.put("out/film.mp4", b"a film")
    done = cli.run("link", *(argument.format(place=place.url) for argument in arguments))
    assert done.code == 64
    assert said.format(place=place.url) in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, 1, "nothing listens there (connection refused)"),
        ({"AWS_SECRET_ACCESS_KEY": "guessed-by-me"}, 1, "the credentials are not accepted (403 SignatureDoesNotMatch"),
        ({"AWS_ALLOW_HTTP": ""}, 64, "begins with http://"),
        ({"HELIOS_STORE_RETRY_SECONDS": "soon"}, 64, "HELIOS_STORE_RETRY_SECONDS is soon"),
    ],
)
@pytest.mark.parametrize("command", ["render", "jobs"])
def test_a_bucket_that_cannot_be_used_is_told_before_any_work(
    cli: Cli, place: ArtifactStore, command: str, changes: dict[str, str], code: int, said: str
):
    """There is no browser to be started: a message about it would come first."""
    cli.page()
    rest = ["page", "-o", "out.mp4"] if command == "render" else ["list"]
    done = cli.run(
        command, *rest, "--artifacts", f"{place.url}artifacts", HELIOS_CHROMIUM="/nowhere/chromium", **changes
    )
    assert done.code == code, done.err
    assert said in done.err
    assert "guessed-by-me" not in done.err


@pytest.mark.parametrize("option", ["--artifacts", "-o"])
def test_a_bucket_that_is_not_there_is_told_before_any_work(cli: Cli, place: ArtifactStore, option: str):
    cli.page()
    places = {"-o": f"{place.url}film.mp4", "--artifacts": f"{place.url}a", option: "s3://nobody/x.mp4"}
    arguments = [part for pair in places.items() for part in pair]
    done = cli.run("render", "page", *arguments, HELIOS_CHROMIUM="/nowhere/chromium")
    assert done.code == 64
    assert "there is no such bucket (404 NoSuchBucket" in done.err
    assert "create it, or correct its address" in done.err.lower()


def test_the_doctor_finds_a_store_that_knows_no_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with gcs_server(tmp_path) as google:
        for name, value in google.environment().items():
            monkeypatch.setenv(name, value)
        assert check_artifacts("gs://films/a").state == "ok"
        google.ignores_conditions = True
        check = check_artifacts("gs://films/a")
        assert check.state == "fail"
        assert "overwrites objects that must only be created" in check.detail
        assert google.objects == {}
