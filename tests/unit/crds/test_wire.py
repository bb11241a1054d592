"""Payloads: what is taken, and what is refused in words, for it may come from anywhere."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helios_crds.request import MAX_CHUNKS
from helios_crds.wire import ExitCode, Payload, Reply, Stage, chunk_bitmap, chunks_in

PATH = "file:///store/jobs/1/job.json"


def test_the_least_payload_is_a_first_chunk():
    payload = Payload.model_validate_json(json.dumps({"jobPath": PATH, "chunkIndex": 0}))
    assert (payload.stage, payload.chunkIndex, payload.attempt) == (Stage.CHUNK, 0, 1)


@pytest.mark.parametrize("stage", list(Stage))
def test_a_payload_survives_the_wire(stage):
    payload = Payload(jobPath=PATH, chunkIndex=7, stage=stage, attempt=3)
    assert Payload.model_validate_json(payload.model_dump_json()) == payload


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("null", "", id="null"),
        pytest.param("[]", "", id="array"),
        pytest.param("7", "", id="number"),
        pytest.param('"plan"', "", id="string"),
        pytest.param("", "", id="nothing"),
        pytest.param('{"jobPath": "file:///s', "", id="half sent"),
        pytest.param("{}", "jobPath", id="no job"),
        pytest.param('{"jobPath": ""}', "jobPath", id="empty job"),
        pytest.param('{"jobPath": null}', "jobPath", id="null job"),
        pytest.param('{"jobPath": 7}', "jobPath", id="number for a job"),
        pytest.param(json.dumps({"jobPath": "x" * 5000}), "jobPath", id="endless job"),
        pytest.param('{"jobPath": "x", "chunkIndex": -1}', "chunkIndex", id="negative index"),
        pytest.param('{"jobPath": "x", "chunkIndex": 1e99}', "chunkIndex", id="huge index"),
        pytest.param('{"jobPath": "x", "chunkIndex": 1000000}', "chunkIndex", id="index too large"),
        pytest.param(f'{{"jobPath": "x", "chunkIndex": {10**400}}}', "chunkIndex", id="index of 400 digits"),
        pytest.param('{"jobPath": "x", "chunkIndex": 1.5}', "chunkIndex", id="fractional index"),
        pytest.param('{"jobPath": "x", "chunkIndex": 1.0}', "chunkIndex", id="index with a point"),
        pytest.param('{"jobPath": "x", "chunkIndex": true}', "chunkIndex", id="boolean index"),
        pytest.param('{"jobPath": "x", "chunkIndex": "1"}', "chunkIndex", id="index as text"),
        pytest.param('{"jobPath": "x", "chunkIndex": null}', "chunkIndex", id="null index"),
        pytest.param('{"jobPath": "x", "chunkIndex": NaN}', "chunkIndex", id="NaN index"),
        pytest.param('{"jobPath": "x", "stage": "render"}', "stage", id="unknown stage"),
        pytest.param('{"jobPath": "x", "stage": "CHUNK"}', "stage", id="stage in capitals"),
        pytest.param('{"jobPath": "x", "stage": 1}', "stage", id="stage by number"),
        pytest.param('{"jobPath": "x", "stage": null}', "stage", id="null stage"),
        pytest.param('{"jobPath": "x", "attempt": 0}', "attempt", id="attempt 0"),
        pytest.param('{"jobPath": "x", "chunkindex": 3}', "chunkindex", id="misspelt key"),
        pytest.param('{"jobPath": "x", "command": "rm"}', "command", id="unknown key"),
    ],
)
def test_refused_payloads(text, problem):
    with pytest.raises(ValidationError) as refused:
        Payload.model_validate_json(text)
    assert refused.value.errors()[0]["loc"][:1] == ((problem,) if problem else ())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_a_payload_or_a_validation_error(value):
    try:
        payload = Payload.model_validate_json(json.dumps(value))
    except ValidationError:
        return
    assert isinstance(value, dict)
    assert payload.jobPath == value["jobPath"]


@given(st.binary(max_size=60))
def test_any_bytes_are_a_validation_error_at_worst(data):
    with pytest.raises(ValidationError):
        Payload.model_validate_json(data)


def test_a_reply_survives_the_wire():
    reply = Reply(exitCode=ExitCode.USER_ERROR, stderr="no page", result={"error": "UserError"})
    assert Reply.model_validate_json(reply.model_dump_json()) == reply


@pytest.mark.parametrize("text", ["null", "[]", "{}", '{"exitCode": "no"}', '{"exitCode": 0, "result": []}'])
def test_no_reply(text):
    with pytest.raises(ValidationError):
        Reply.model_validate_json(text)


def test_exit_codes_are_those_that_schedulers_know():
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0,
        "RETRYABLE": 1,
        "USER_ERROR": 64,
        "EXHAUSTED": 75,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


@given(st.sets(st.integers(0, MAX_CHUNKS - 1), max_size=300))
def test_any_chunks_survive_the_wire(chunks):
    assert chunks_in(chunk_bitmap(chunks)) == sorted(chunks)


@pytest.mark.parametrize("chunks", [[], [0], [MAX_CHUNKS - 1], range(MAX_CHUNKS), range(0, MAX_CHUNKS, 2)], ids=str)
def test_chunks_take_a_bit_each(chunks):
    bitmap = chunk_bitmap(chunks)
    assert chunks_in(bitmap) == list(chunks)
    assert len(bitmap) <= MAX_CHUNKS // 4


@given(st.text(max_size=20) | json_values)
def test_what_is_no_bitmap_is_a_value_error(found):
    try:
        chunks = chunks_in(found)
    except ValueError:
        return
    assert int(chunk_bitmap(chunks), 16) == int(found, 16)


@pytest.mark.parametrize("found", ["", "0x1", "-1", "1_0", "FF", " 1", "1\n", "f" * 2501, "9" * 10**6, None, [1], 5])
def test_no_bitmap(found):
    with pytest.raises(ValueError, match="hexadecimal bitmap"):
        chunks_in(found)


@pytest.mark.parametrize("text", ['{"jobPath": "x"}', '{"jobPath": "x", "stage": "chunk", "attempt": 2}'])
def test_a_chunk_without_an_index_is_not_the_first(text):
    with pytest.raises(ValidationError, match="chunkIndex: Field required, with stage chunk"):
        Payload.model_validate_json(text)


@pytest.mark.parametrize("stage", [Stage.PLAN, Stage.STITCH])
def test_other_stages_need_no_index(stage):
    assert Payload(jobPath=PATH, stage=stage).chunkIndex == 0
