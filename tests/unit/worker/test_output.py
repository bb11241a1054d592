"""An output that is a folder is found by the plan, before a browser is started, and not after the last chunk."""

import pytest

from helios_crds.wire import Payload, Stage
from helios_worker.artifacts.output import refuse_folder
from helios_worker.errors import UserError
from helios_worker.runtime import WorkerRuntime


@pytest.mark.parametrize("output", ["{}", "file://{}", "file://{}/"])
def test_a_folder_is_refused(tmp_path, output):
    with pytest.raises(UserError, match=r"is a folder; give a file name in output\.url"):
        refuse_folder(output.format(tmp_path))


@pytest.mark.parametrize("output", ["{}/a.mp4", "file://{}/a.mp4", "s3://media/out", "{}/none/yet/a.mp4"])
def test_all_else_is_taken(tmp_path, output):
    refuse_folder(output.format(tmp_path))


def test_the_plan_asks_first(tmp_path):
    request = {"composition": {"url": f"{tmp_path}/page.html"}, "output": str(tmp_path / "films")}
    (tmp_path / "films").mkdir()
    payload = Payload(jobPath=f"file://{tmp_path}/store/requests/a.json", stage=Stage.PLAN, request=request)
    runtime = WorkerRuntime(tmp_path)
    try:
        reply = runtime.process(payload)
    finally:
        runtime.close()
    assert reply.exitCode == 64
    assert f"the output {tmp_path / 'films'} is a folder" in reply.stderr
    assert not list(tmp_path.rglob("*.json")), "nothing was stored"
