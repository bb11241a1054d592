"""What a pod leaves behind: at most RESULT_BYTES of JSON, with what a program goes by exact or not there."""

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios_crds.request import MAX_CHUNKS
from helios_crds.wire import RESULT_BYTES, Reply, chunk_bitmap, chunks_in
from helios_worker.entrypoints.one_shot import termination_message
from helios_worker.entrypoints.process import PrintableFormatter
from helios_worker.stages.stitch import BadChunks

texts = st.text(max_size=50) | st.builds(lambda text, times: text * times, st.text(min_size=1), st.integers(1, 3000))


def message(reply: Reply) -> dict[str, Any]:
    data = termination_message(reply)
    assert len(data) <= RESULT_BYTES
    found: dict[str, Any] = json.loads(data)
    return found


@given(st.sets(st.integers(0, MAX_CHUNKS - 1), min_size=1, max_size=200), texts, texts)
def test_bad_chunks_are_named_to_the_last(chunks, problem, remedy):
    error = BadChunks(dict.fromkeys(chunks, problem))
    result = {"error": "BadChunks", "remedy": remedy, **error.facts}
    found = message(Reply(exitCode=1, stderr=str(error), result=result))
    assert chunks_in(found["badChunks"]) == sorted(chunks)
    assert str(error).startswith(found["message"])


def test_every_chunk_may_be_bad():
    error = BadChunks(dict.fromkeys(range(MAX_CHUNKS), "its segment is damaged " * 40))
    found = message(Reply(exitCode=1, stderr=str(error), result={"error": "BadChunks", **error.facts}))
    assert chunks_in(found["badChunks"]) == list(range(MAX_CHUNKS))
    assert found["message"].startswith("10000 of the chunks must be rendered again: chunk 0")


@given(st.lists(texts, max_size=20))
def test_a_plan_loses_warnings_and_nothing_else(warnings):
    plan = {"jobPath": "s3://films/jobs/1/job.json", "cached": chunk_bitmap(range(MAX_CHUNKS)), "frames": 9}
    found = message(Reply(exitCode=0, result={**plan, "warnings": tuple(warnings)}))
    kept = found.pop("warnings")
    assert kept == warnings[: len(kept)]
    assert found == plan


def test_a_result_that_cannot_be_cut_says_so():
    assert message(Reply(exitCode=0, result={"jobPath": "x" * 5000})) == {"error": "the result is too large"}


@pytest.mark.parametrize("result", [None, {}, {"chunk": 3, "cached": True}])
def test_what_fits_is_as_it_was(result):
    assert message(Reply(exitCode=0, result=result)) == (result or {})


def test_a_log_entry_cannot_be_forged():
    record = logging.LogRecord("n", logging.INFO, "", 0, "page: %s", ("\x1b[2Ja\nERROR helios_worker: forged\r",), None)
    assert PrintableFormatter("%(levelname)s %(name)s: %(message)s").format(record) == (
        "INFO n: page: a\n    ERROR helios_worker: forged"
    )
