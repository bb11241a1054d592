"""What goes wrong between a worker and its bucket, made at the level of HTTP and of the connection.

The server is versitygw, a real one: what is in the bucket after a fault is what a real server keeps of it.
Long, because all faults are made on one line to one server.
"""

import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import orjson
import pytest

from helios_crds.backoff import Backoff
from helios_crds.wire import ExitCode, Payload, Stage
from helios_worker.artifacts import retry
from helios_worker.artifacts.access import StoreTimeouts
from helios_worker.artifacts.digests import file_digest
from helios_worker.artifacts.errors import AccessDenied, BadCredentials, BadEndpoint, NoSuchBucket, StoreError
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import HeliosError
from helios_worker.runtime import WorkerRuntime
from tests.clouds.faulty import Fault, Faulty, faulty
from tests.clouds.s3_server import BUCKET, s3_environment, s3_server
from tests.integration.worker.project import MOVING, page_request

# Few tries and short pauses; what is no fault may take its time, as on a busy machine.
HASTY = StoreTimeouts(connect=10, stall=20, retry=120, tries=3, pause=0.04)
STALL = 2.0
LARGE = 20_000_000
prefixes = count()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """The line to a server of this machine."""
    with s3_server(tmp_path_factory.mktemp("s3") / "buckets") as address, faulty(address) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def calm(line: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    line.calm()
    monkeypatch.setattr(retry, "BACKOFF", Backoff(base=0.01))
    for name, value in s3_environment(line.url).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store(calm: None) -> ArtifactStore:
    """A part of the bucket that no other test uses, and a store that is given few tries."""
    return ArtifactStore(f"s3://{BUCKET}/tests/{next(prefixes)}", timeouts=HASTY)


@pytest.fixture
def impatient(store: ArtifactStore) -> ArtifactStore:
    """The same part, by a store that waits for STALL seconds only."""
    return ArtifactStore(store.url, timeouts=replace(HASTY, stall=STALL))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A file that takes several parts of an upload."""
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(LARGE))
    return path


def refusal(code: str, status: int, sentence: str = "So says the test.") -> Fault:
    """An answer as S3 gives it."""
    return Fault(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{sentence}</Message></Error>")


def requests(store: ArtifactStore, tmp_path: Path) -> dict[str, Callable[[], object]]:
    """All that is asked of a store, on a key that is there."""
    store.put("key", b"there")
    return {
        "reading": lambda: store.get("key"),
        "looking for": lambda: store.size("key"),
        "writing": lambda: store.put("key", b"there"),
        "creating": lambda: store.create("new", b"new"),
        "listing": lambda: store.keys(""),
        "removing": lambda: store.delete("gone"),
        "fetching": lambda: store.fetch("key", tmp_path / "copy"),
    }


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_not_noticed(line: Faulty, store: ArtifactStore, tmp_path: Path, status: int):
    for name, ask in requests(store, tmp_path).items():
        line.calm()
        line.when(refusal("SlowDown", status), times=2)
        ask()
        assert len(line.calls) >= 3, name
    assert store.get("new") == b"new"


def test_what_stays_is_said_with_how_often_it_was_tried(line: Faulty, store: ArtifactStore, tmp_path: Path):
    for name, ask in requests(store, tmp_path).items():
        line.when(refusal("SlowDown", 503), times=-1)
        with pytest.raises(StoreError) as failed:
            ask()
        assert failed.value.exit_code == ExitCode.RETRYABLE
        name = name.replace("fetching", "reading")
        assert str(failed.value).startswith(f"{name} {store.url}"), str(failed.value)
        assert "the store is down or overloaded (503" in str(failed.value)
        assert ", 3 times; run the same again later" in str(failed.value)
        line.calm()


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        pytest.param(
            refusal("AccessDenied", 403, "User: arn:aws:iam::1:role/w is not authorized to perform: s3:PutObject"),
            AccessDenied,
            "access denied (403 AccessDenied: User: arn:aws:iam::1:role/w is not authorized to perform: s3:PutObject); "
            "give the identity that asks the rights that docs/stores.md lists",
            id="access denied",
        ),
        pytest.param(
            refusal("ExpiredToken", 400, "The provided token has expired."),
            BadCredentials,
            "the credentials have expired (400 ExpiredToken: The provided token has expired); renew them and run the "
            "same again: what is stored already is kept",
            id="expired",
        ),
        pytest.param(
            refusal("RequestTimeTooSkewed", 403),
            BadCredentials,
            "this machine's clock is wrong (403 RequestTimeTooSkewed: So says the test); set the clock",
            id="clock",
        ),
        pytest.param(
            refusal("PermanentRedirect", 301),
            BadEndpoint,
            "the bucket is in another region or at another address (301); set AWS_REGION",
            id="region",
        ),
        pytest.param(refusal("TeaPot", 418), StoreError, "418 TeaPot: So says the test; check that", id="unheard of"),
    ],
)
def test_a_refusal_is_said_once_and_what_to_do(
    line: Faulty, store: ArtifactStore, tmp_path: Path, answer: Fault, kind: type[HeliosError], said: str
):
    for name, ask in requests(store, tmp_path).items():
        if name == "looking for":  # an answer to HEAD has no body, so there is its status alone
            continue
        line.calm()
        line.when(answer, times=-1)
        with pytest.raises(kind) as failed:
            ask()
        assert said in str(failed.value)
        assert len(line.calls) == 1, name
        line.calm()


def test_a_missing_bucket_is_the_users_to_mend(calm: None, tmp_path: Path):
    store = ArtifactStore("s3://nobody/x", timeouts=HASTY)
    asked = [
        lambda: store.get("key"),
        lambda: store.put("key", b""),
        lambda: store.put("key", tmp_path / "file"),
        lambda: store.create("key", b""),
        lambda: store.keys("jobs/"),
        lambda: store.delete("key"),
        lambda: store.fetch("key", tmp_path / "copy"),
    ]
    (tmp_path / "file").write_bytes(b"x" * LARGE)
    for ask in asked:
        with pytest.raises(NoSuchBucket, match=r"s3://nobody/x/\w.*: there is no such bucket \(404 NoSuchBucket") as e:
            ask()
        assert e.value.exit_code == ExitCode.USER_ERROR


@pytest.mark.parametrize(("variable", "code"), [("SECRET_ACCESS_KEY", "SignatureDoesNotMatch"), ("ACCESS_KEY_ID", "X")])
def test_wrong_credentials_are_said_to_be_that(calm: None, monkeypatch: pytest.MonkeyPatch, variable: str, code: str):
    monkeypatch.setenv(f"AWS_{variable}", "guessed-by-me")
    store = ArtifactStore(f"s3://{BUCKET}/x", timeouts=HASTY)
    for ask in (lambda: store.get("key"), lambda: store.put("key", b""), lambda: store.create("key", b"")):
        with pytest.raises(BadCredentials, match=rf"s3://films/x/key: the credentials are not accepted \(40\d {code}"):
            ask()


def test_no_error_tells_what_was_signed(line: Faulty, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch):
    """The server's answer quotes key and signature, and a trace would show it."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guessed-by-me")
    wrong = ArtifactStore(store.url, timeouts=HASTY)
    line.when(
        refusal("InternalError", 500, "lost guessed-by-me at http://h/x?X-Amz-Signature=abc"), times=-1, holding="sick"
    )
    for ask in (lambda: wrong.get("key"), lambda: store.get("sick"), lambda: store.create("sick", b"")):
        with pytest.raises(StoreError) as failed:
            ask()
        trace = "".join(traceback.format_exception(failed.value))
        for secret in ("guessed-by-me", "AWSAccessKeyId", "AWS4-HMAC", "Signature=abc", "<Message>"):
            assert secret not in trace


def test_nobody_there(calm: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    store = ArtifactStore(f"s3://{BUCKET}/x", timeouts=HASTY)
    with pytest.raises(
        StoreError, match=r"nothing listens there \(connection refused\), 3 times; check that the store"
    ):
        store.get("key")
    with pytest.raises(StoreError, match=r"nothing listens there \(connection refused\), 3 times"):
        store.create("key", b"")


def test_nothing_goes_in_the_clear_unless_told_so(calm: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    store = ArtifactStore(f"s3://{BUCKET}/x", timeouts=HASTY)
    with pytest.raises(BadEndpoint, match=r"begins with http://, .* AWS_ALLOW_HTTP=true"):
        store.get("key")


# --- nothing partial, and nothing twice ---------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, -1], ids=["once", "for good"])
def test_an_upload_that_is_cut_is_whole_or_not_there(line: Faulty, store: ArtifactStore, film: Path, times: int):
    writes = {"small": lambda: store.put("small", b"x" * 100_000), "new": lambda: store.create("new", b"x" * 100_000)}
    writes["large"] = lambda: store.put("large", film)
    for key, write in writes.items():
        line.calm()
        line.when(Fault(cut_upload=50_000), method="PUT", holding=key, times=times)
        if times == 1:
            write()
            assert store.size(key) == (LARGE if key == "large" else 100_000)
            continue
        with pytest.raises(StoreError, match=rf"{store.url}{key}: the connection was cut, 3 times"):
            write()
        assert store.get(key) is None
    assert times == 1 or store.keys("") == []


@pytest.mark.parametrize("size", [100_000, LARGE], ids=["one part", "many parts"])
def test_an_upload_that_is_altered_on_its_way_is_sent_again(
    line: Faulty, store: ArtifactStore, tmp_path: Path, size: int
):
    file = tmp_path / "file"
    file.write_bytes(os.urandom(size))
    line.when(Fault(flip=70_000), method="PUT", holding="/key", times=1)
    store.put("key", file)
    copy = store.file("key", tmp_path)
    assert copy is not None
    assert file_digest(copy) == file_digest(file)
    line.when(Fault(flip=70_000), method="PUT", holding="/bad", times=-1)
    with pytest.raises(StoreError, match="400 XAmzContentSHA256Mismatch"):
        store.put("bad", file)
    assert store.get("bad") is None


def test_a_download_that_is_cut_goes_on_where_it_was(line: Faulty, store: ArtifactStore, film: Path, tmp_path: Path):
    store.put("key", film)
    line.when(Fault(cut_download=LARGE // 2), method="GET", times=1)
    copy = store.file("key", tmp_path)
    assert copy is not None
    assert file_digest(copy) == file_digest(film)
    assert line.asked("GET") == 2
    assert line.calls[-1].headers["range"].startswith("bytes=")


def test_a_download_that_is_cut_for_good_leaves_nothing(line: Faulty, store: ArtifactStore, film: Path, tmp_path: Path):
    store.put("key", film)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    line.when(Fault(cut_download=1_000), method="GET", times=-1)
    with pytest.raises(StoreError, match="the connection was cut"):
        store.file("key", scratch)
    with pytest.raises(StoreError, match="the connection was cut"):
        store.get("key")
    assert list(scratch.iterdir()) == []


def test_a_server_that_says_nothing_is_asked_again(line: Faulty, impatient: ArtifactStore, tmp_path: Path):
    for name, ask in requests(impatient, tmp_path).items():
        if name in ("creating", "writing", "removing", "listing"):
            continue
        line.calm()
        line.when(Fault(stall=2 * STALL), times=1)
        ask()
        assert len(line.calls) == 2, name


def test_a_commit_whose_answer_is_lost_is_ours(line: Faulty, store: ArtifactStore):
    line.when(Fault(lose_answer=True), method="PUT", times=1)
    assert store.create("chunks/1.json", b"ours")
    assert line.asked("PUT") == 2
    assert store.get("chunks/1.json") == b"ours"


def test_a_commit_that_is_late_is_made_once(line: Faulty, impatient: ArtifactStore):
    """The first request arrives after it was given up; the second may be there before it."""
    line.when(Fault(stall=STALL + 0.2), method="PUT", times=1)
    assert impatient.create("chunks/1.json", b"ours")
    assert not impatient.create("chunks/1.json", b"another's")
    assert impatient.get("chunks/1.json") == b"ours"


def test_a_commit_whose_answer_is_lost_may_be_anothers(line: Faulty, store: ArtifactStore):
    store.put("chunks/1.json", b"another's")
    line.when(Fault(lose_answer=True), method="PUT", times=1)
    assert not store.create("chunks/1.json", b"ours")
    assert store.get("chunks/1.json") == b"another's"


def test_a_commit_that_meets_another_one_under_way_is_made_again(line: Faulty, store: ArtifactStore):
    """S3 answers 409 where a removal came between: nobody's object is there."""
    line.when(refusal("ConditionalRequestConflict", 409), method="PUT", times=2)
    assert store.create("chunks/1.json", b"ours")
    line.when(refusal("ConditionalRequestConflict", 409), method="PUT", times=-1)
    with pytest.raises(StoreError, match="others keep creating and removing it"):
        store.create("chunks/2.json", b"ours")


def test_the_end_of_an_upload_whose_answer_is_lost(line: Faulty, store: ArtifactStore, film: Path):
    line.when(Fault(lose_answer=True), method="POST", holding="uploadId", times=1)
    store.put("key", film)
    assert store.size("key") == LARGE


def test_an_upload_that_the_server_forgot_is_made_again(line: Faulty, store: ArtifactStore, film: Path):
    """As after a lifecycle rule, or after an end whose answer was lost on servers that forget finished uploads."""
    line.when(refusal("NoSuchUpload", 404), method="POST", holding="uploadId", times=1)
    store.put("key", film)
    assert store.size("key") == LARGE
    assert line.asked("POST", "uploads") == 2


def test_an_object_that_changed_since_it_was_listed_is_not_taken(store: ArtifactStore, tmp_path: Path):
    store.put("key", b"one")
    (listed,) = store.entries("")
    store.put("key", b"two")
    with pytest.raises(StoreError, match="it changed meanwhile"):
        store.fetch("key", tmp_path / "copy", tag=listed.tag)


def test_who_may_only_write_still_publishes(line: Faulty, store: ArtifactStore, film: Path):
    line.when(Fault(403), method="HEAD", times=-1)
    store.put("key", film)
    line.calm()
    assert store.size("key") == LARGE


def test_a_film_over_a_bad_line(line: Faulty, store: ArtifactStore, tmp_path: Path):
    """Each kind of trouble at each kind of object, in one render."""
    asked = page_request(tmp_path / "page", MOVING, frames=12, output=f"{store.url}films/out.mp4")
    store.put("requests/1.json", orjson.dumps(asked))
    (tmp_path / "workspace").mkdir()
    line.when(refusal("SlowDown", 503), times=1)
    line.when(Fault(cut_upload=20), method="PUT", holding="/blobs/")
    line.when(Fault(lose_answer=True), method="PUT", holding="/plans/")
    line.when(Fault(lose_answer=True), method="PUT", holding="job.json")
    line.when(refusal("SlowDown", 429), method="GET", holding="job.json")
    line.when(Fault(flip=500), method="PUT", holding="/segments/")
    line.when(Fault(lose_answer=True), method="PUT", holding="/chunks/", times=2)
    line.when(Fault(cut_download=300), method="GET", holding="/segments/", times=2)
    line.when(Fault(cut_upload=1000), method="PUT", holding="/films/")
    worker = WorkerRuntime(tmp_path / "workspace", lanes=1)
    try:
        plan = worker.process(Payload(jobPath=f"{store.url}requests/1.json", stage=Stage.PLAN))
        assert plan.exitCode == ExitCode.DONE, plan.stderr
        assert plan.result is not None
        job = plan.result["jobPath"]
        chunks = [worker.run(job, index) for index in (0, 1)]
        assert [(chunk.exit_code, (chunk.result or {})["cached"]) for chunk in chunks] == [(0, False), (0, False)]
        stitch = worker.process(Payload(jobPath=job, stage=Stage.STITCH))
        assert stitch.exitCode == ExitCode.DONE, stitch.stderr
        assert stitch.result is not None
    finally:
        worker.close()
    line.calm()
    published = store.file("films/out.mp4", tmp_path)
    assert published is not None
    assert file_digest(published) == stitch.result["sha256"]
    assert len(store.keys("chunks/")) == 2
