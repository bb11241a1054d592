"""One remedy, in the words of each reader; all of a remedy's settings exist where its reader looks for them."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

import helios_worker
from helios_crds.definitions import renderjob_definition
from helios_crds.remedies import FLAGS, in_flags, in_request, in_spec, message_and_remedy, setting
from helios_crds.wire import Reply
from helios_operator.decide.policies.worker_results import failure_text
from helios_worker.entrypoints.one_shot import termination_message
from helios_worker.errors import UserError
from heliosctl.app import app
from heliosctl.errors import Failure, StageFailed

WORKER = Path(helios_worker.__file__).parent
# Of helios-worker's own options, and of other programs.
OWN = {"--workspace", "--dereference", "--enable", "--remote", "--allow"}
FIX = UserError("the page failed", remedy=f"fix it, or render with {setting('composition.pageErrors', 'warn')}")
REPLY = Reply(exitCode=64, stderr=str(FIX), result={"error": "PageError", "remedy": FIX.remedy})


def test_each_reader_has_a_remedy_in_his_words():
    assert REPLY.stderr == "the page failed; fix it, or render with composition.pageErrors: warn"
    pod = failure_text(termination_message(REPLY).decode(), 64)
    assert pod == "the page failed; fix it, or render with spec.composition.pageErrors: warn"
    shown = Failure.of(StageFailed("the plan", REPLY))
    assert (shown.message, shown.remedy) == ("the page failed", "fix it, or render with --page-errors warn")
    assert Failure.of(FIX).remedy == shown.remedy


@pytest.mark.parametrize("field", FLAGS)
def test_every_setting_is_a_field_of_a_renderjob(field):
    schema = renderjob_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for name in field.split("."):
        schema = schema["properties"][name]


@pytest.mark.parametrize("flag", FLAGS.values())
def test_every_setting_is_an_option_of_render(flag):
    render = get_command(app).commands["render"]  # type: ignore[attr-defined]
    assert any(flag in parameter.opts for parameter in render.params)


@pytest.mark.parametrize("file", sorted(WORKER.rglob("*.py")), ids=lambda file: str(file.relative_to(WORKER)))
def test_no_message_of_the_worker_names_an_option(file):
    """An option belongs to one reader alone; the launch of Chromium and the worker's own options apart."""
    if file.name in ("process.py", "cdp.py"):
        return
    texts = re.findall(r'"[^"\n]*"', file.read_text())
    assert not [
        text for text in texts if re.search(r"(?<![-\w])--[a-z][a-z-]+", text) and not any(o in text for o in OWN)
    ]


@pytest.mark.parametrize(
    "text",
    ["no mark", "{}", "{composition}", "{video.nothing}", "{video.fps: {x}}", "a {page: says} {this.that}", "{{"],
)
def test_braces_that_are_no_mark_stay(text):
    assert in_spec(text) == in_flags(text) == in_request(text) == text


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        pytest.param("only this", None, id="no remedy"),
        pytest.param("only this", 7, id="not a text"),
        pytest.param("it was c … ut short", "fix it", id="cut"),
        pytest.param("only this", "", id="an empty one"),
    ],
)
def test_without_a_remedy_the_message_is_whole(said, remedy):
    assert message_and_remedy({"remedy": remedy}, said) == (said, "")
