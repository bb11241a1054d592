"""What callers take of a reply: so many bytes, with what a program goes by exact or not there."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios_crds.wire import RESULT_BYTES, Reply, chunk_bitmap
from helios_worker.entrypoints.bounds import TEXT_BYTES, TOO_LARGE, bounded_reply, bounded_text

texts = st.text(st.characters(), max_size=40) | st.builds(lambda text, n: text * n, st.text(min_size=1), st.just(5000))


@given(texts, st.integers(20, 200))
def test_a_text_is_whole_or_keeps_both_ends(text, limit):
    found = bounded_text(text, limit)
    assert len(found.encode()) <= limit
    whole = text.encode(errors="replace").decode()
    if len(whole.encode()) <= limit:
        assert found == whole
    else:
        first, last = found.split(" … ", 1) if found.count(" … ") == 1 else (found[:3], found[-3:])
        assert whole.startswith(first)
        assert whole.endswith(last)


@given(texts, texts, st.dictionaries(st.sampled_from(["error", "remedy", "report"]), texts | st.none()))
def test_a_reply_is_never_larger(stdout, stderr, result):
    found = bounded_reply(Reply(exitCode=1, stdout=stdout, stderr=stderr, result=result))
    assert len(orjson.dumps(found.model_dump())) <= RESULT_BYTES + 2 * 6 * TEXT_BYTES + 100
    assert len(orjson.dumps(found.result)) <= RESULT_BYTES
    assert max(len(found.stdout.encode()), len(found.stderr.encode())) <= TEXT_BYTES


def test_half_a_surrogate_can_be_sent():
    said = "a page said \ud800"
    orjson.dumps(bounded_reply(Reply(exitCode=1, stderr=said, result={"error": said, "seen": [said]})).model_dump())


@pytest.mark.parametrize("chunks", [[0], range(10_000)])
def test_bad_chunks_are_named_to_the_last(chunks):
    bitmap = chunk_bitmap(chunks)
    result = {"error": "BadChunks", "remedy": "r" * 9000, "badChunks": bitmap}
    found = bounded_reply(Reply(exitCode=1, result=result)).result
    assert found is not None
    assert found["badChunks"] == bitmap


def test_of_a_plan_only_warnings_are_cut():
    result = {"jobPath": "s3://media/jobs/1/job.json", "warnings": ["w" * 300] * 40}
    found = bounded_reply(Reply(exitCode=0, result=result)).result
    assert found is not None
    assert found["jobPath"] == result["jobPath"]
    assert 0 < len(found["warnings"]) < 40


def test_a_result_that_cannot_be_cut_is_none():
    found = bounded_reply(Reply(exitCode=0, result={"jobPath": "x" * 9000})).result
    assert found == TOO_LARGE
