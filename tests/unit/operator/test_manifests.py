"""Children as data: names, labels, privileges, arguments."""

import json
from dataclasses import replace

import pytest

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator.manifests.job import attempt_job
from helios_operator.manifests.names import REQUEST, attempt_labels, attempt_name, read_labels
from helios_operator.manifests.request import artifact_claim, page_config_map
from helios_operator.model.decision import StartAttempt
from helios_operator.model.locations import places_of
from helios_operator.model.state import PLAN, STITCH, Work
from tests.unit.operator.builders import CONFIG, JOB_PATH, TARGETS, render_job

CHUNK = Work(Stage.CHUNK, 42)
KUBERNETES = TARGETS["kubernetes"]


def made(job, start, target, config=CONFIG):
    places = places_of(job, {"kubernetes": KUBERNETES, start.target: target}, config)
    return attempt_job(job, start, target, places, config)


@pytest.mark.parametrize(
    ("work", "number", "name"),
    [
        (PLAN, 1, "teaser-0a1b2c3d-plan-a1"),
        (CHUNK, 3, "teaser-0a1b2c3d-c00042-a3"),
        (STITCH, 1, "teaser-0a1b2c3d-stitch-a1"),
    ],
)
def test_names(work, number, name):
    assert attempt_name(render_job(), work, number) == name


@pytest.mark.parametrize("name", ["x" * 253, "a.b.c", f"{'x' * 39}.{'y' * 200}"])
def test_hostile_names_give_short_ones(name):
    found = attempt_name(replace(render_job(), name=name), CHUNK, 9999)
    assert len(found) <= 63
    assert "." not in found
    assert "--" not in found


@pytest.mark.parametrize("work", [PLAN, CHUNK, STITCH])
def test_labels_are_read_back(work):
    assert read_labels(attempt_labels(render_job(), work, 7)) == (work, 7)


@pytest.mark.parametrize(
    "labels", [{}, {"helios.video/stage": "chunk", "helios.video/chunk": "-1", "helios.video/attempt": "1"}]
)
def test_foreign_labels(labels):
    assert read_labels(labels) is None


def test_a_chunks_job():
    job = made(render_job("." * 50), StartAttempt(CHUNK, 2, "kubernetes"), KUBERNETES)
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (spec["backoffLimit"], spec["podReplacementPolicy"], pod["restartPolicy"]) == (0, "Failed", "Never")
    assert spec["podFailurePolicy"]["rules"][0]["onPodConditions"][0]["status"] == "True"
    assert "activeDeadlineSeconds" not in spec
    assert pod["activeDeadlineSeconds"] == 900
    assert "suspend" not in spec
    assert pod["automountServiceAccountToken"] is False
    container = pod["containers"][0]
    assert container["args"] == ["chunk", JOB_PATH, "42", "--workspace", "/tmp", "--attempt", "2"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {volume["name"] for volume in pod["volumes"]} == {"tmp", "shm", "artifacts"}
    assert job["metadata"]["ownerReferences"][0]["uid"] == render_job().uid


def test_a_plan_reads_its_inputs():
    composition = {"configMap": {"name": "page"}, "propsFrom": [{"configMapKeyRef": {"name": "texts", "key": "de"}}]}
    planned = render_job(spec={"composition": composition})
    pod = made(planned, StartAttempt(PLAN, 1, "kubernetes"), KUBERNETES)
    spec = pod["spec"]["template"]["spec"]
    folders = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
    assert folders["request"] == "/helios/request"
    assert '"url":"file:///helios/composition"' in pod["spec"]["template"]["metadata"]["annotations"][REQUEST]
    (request,) = [volume for volume in spec["volumes"] if volume["name"] == "request"]
    (item,) = request["downwardAPI"]["items"]
    assert item == {"path": "request.json", "fieldRef": {"fieldPath": f"metadata.annotations['{REQUEST}']"}}
    assert folders["composition"] == "/helios/composition"
    given = spec["containers"][0]["args"][2:6]
    assert given == [
        "--request",
        "/helios/request/request.json",
        "--props",
        "/helios/props/0",
    ]


def test_an_inline_page_is_a_config_map():
    found = page_config_map(render_job())
    assert found["immutable"] is True
    assert found["data"] == {"index.html": "<p>"}


def test_a_target_shapes_the_pod_but_not_its_rights():
    target = RenderTargetSpec.model_validate(
        {
            "kubernetes": {
                "queueName": "films",
                "pod": {
                    "nodeSelector": {"pool": "spot"},
                    "resources": {"limits": {"cpu": 2, "memory": "2Gi"}},
                    "labels": {"helios.video/stage": "forged", "team": "films"},
                },
            }
        }
    )
    job = made(render_job("."), StartAttempt(Work(Stage.CHUNK), 1, "spot"), target)
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "films"
    assert job["spec"]["template"]["metadata"]["labels"]["helios.video/stage"] == "chunk"
    assert job["spec"]["template"]["metadata"]["labels"]["team"] == "films"
    assert job["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "spot"}


def test_a_bucket_needs_no_claim():
    spec = {"artifacts": {"url": "s3://media/", "credentialsRef": {"name": "writer"}}}
    pod = made(render_job(".", spec=spec), StartAttempt(CHUNK, 1, "kubernetes"), KUBERNETES)
    container = pod["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"prefix": "HELIOS_SECRET_", "secretRef": {"name": "writer"}}]
    assert "artifacts" not in {mount["name"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize(("work", "is_given"), [(PLAN, True), (CHUNK, True), (STITCH, False)])
def test_headers_are_files_in_pods_that_open_the_page(work, is_given):
    """A variable would be inherited by every program of the pod, and be in its description."""
    composition = {"url": "https://films.example/a/", "headersFrom": {"secretRef": {"name": "preview"}}}
    job = made(render_job("." * 43, spec={"composition": composition}), StartAttempt(work, 1, "kubernetes"), KUBERNETES)
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    given = ["--headers-from", "/helios/headers", "--headers-to", "https://films.example/a/"]
    assert (" ".join(given) in " ".join(container["args"])) is is_given
    volumes = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert volumes == ([{"secretName": "preview", "defaultMode": 0o440}] if is_given else [])
    assert ("/helios/headers" in {mount["mountPath"] for mount in container["volumeMounts"]}) is is_given
    assert "envFrom" not in container
    request = json.loads(job["spec"]["template"]["metadata"]["annotations"].get(REQUEST, "{}"))
    assert "headersFrom" not in request.get("composition", {})


def test_the_claim_belongs_to_nobody():
    assert "ownerReferences" not in artifact_claim("films", CONFIG)["metadata"]


def test_finished_jobs_outlive_a_short_absence_of_the_operator():
    job = made(
        render_job(".", spec={"ttlAfterFinished": "0s"}), StartAttempt(CHUNK, 1, "kubernetes"), KUBERNETES, CONFIG
    )
    assert job["spec"]["ttlSecondsAfterFinished"] == 600


def pods(**pod: object) -> RenderTargetSpec:
    return RenderTargetSpec.model_validate({"kubernetes": {"pod": pod}})


@pytest.mark.parametrize(
    ("target", "resources", "scratch", "memory"),
    [
        pytest.param(
            KUBERNETES,
            {"requests": {"cpu": "150m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
            "20Gi",
            "4Gi",
            id="defaults",
        ),
        pytest.param(pods(resources={}), {}, "20Gi", "2Gi", id="none"),
        pytest.param(
            pods(resources={"limits": {"memory": "8Gi", "ephemeral-storage": "50Gi"}}),
            {"limits": {"memory": "8Gi", "ephemeral-storage": "50Gi"}},
            "50Gi",
            "8Gi",
            id="given",
        ),
    ],
)
def test_every_pod_is_bounded(target, resources, scratch, memory):
    pod = made(render_job("."), StartAttempt(CHUNK, 1, "kubernetes"), target)["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == resources
    empty = {volume["name"]: volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume}
    assert empty == {"tmp": {"sizeLimit": scratch}, "shm": {"medium": "Memory", "sizeLimit": memory}}


@pytest.mark.parametrize(
    ("sandbox", "seccomp", "users"),
    [
        pytest.param(None, {"type": "RuntimeDefault"}, None, id="none"),
        pytest.param({}, {"type": "Unconfined"}, None, id="without a profile"),
        pytest.param(
            {"seccompProfile": "chromium.json", "hostUsers": False},
            {"type": "Localhost", "localhostProfile": "chromium.json"},
            False,
            id="a profile and a user namespace",
        ),
    ],
)
def test_the_browsers_own_sandbox(sandbox, seccomp, users):
    target = pods(browserSandbox=sandbox) if sandbox is not None else KUBERNETES
    pod = made(render_job("."), StartAttempt(CHUNK, 1, "kubernetes"), target)["spec"]["template"]["spec"]
    assert pod["securityContext"]["seccompProfile"] == seccomp
    assert pod.get("hostUsers") == users
    names = {variable["name"] for variable in pod["containers"][0]["env"]}
    assert ("HELIOS_BROWSER_SANDBOX" in names) == (sandbox is not None)


@pytest.mark.parametrize(("allowed", "has_job"), [(True, True), (True, False), (False, True)])
def test_commands_are_allowed_for_a_job_spec_alone(allowed, has_job):
    target = KUBERNETES.model_copy(update={"allowCommands": allowed})
    source = {"jobSpec": {"url": "file:///artifacts/in/job.json", "sha256": "0" * 64}} if has_job else {"inline": "<p>"}
    job = made(render_job(spec={"composition": source}), StartAttempt(PLAN, 1, "kubernetes"), target)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert ("--allow-commands" in container["args"]) == (allowed and has_job)
