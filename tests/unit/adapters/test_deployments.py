"""What differs between a function, service or job that is wanted and the one that is there."""

import subprocess
import sys

import pytest
from google.cloud import run_v2

from helios_adapters.aws.function import LambdaFunction, differences
from helios_adapters.connecting import connect
from helios_adapters.errors import BadSettings, MissingExtra
from helios_adapters.google.identity import checked_address
from helios_adapters.google.resources import CloudRunService, memory_of, serving, shape_job, shape_service
from helios_crds.rendertarget import RenderTargetSpec

WANTED = LambdaFunction("image:1", "arn:aws:iam::1:role/r", environment={"A": "1"})
THERE = {
    "ImageConfigResponse": {"ImageConfig": {"Command": ["lambda"]}},
    "Role": WANTED.role,
    "MemorySize": WANTED.memory,
    "EphemeralStorage": {"Size": WANTED.storage},
    "Timeout": WANTED.timeout,
    "Environment": {"Variables": {"A": "1", "THEIRS": "x"}},
}


def test_a_function_that_is_as_wanted_differs_in_nothing():
    assert differences(WANTED, THERE) == ({}, [])


@pytest.mark.parametrize(
    ("there", "settings", "change"),
    [
        ({"MemorySize": 128}, {"MemorySize": WANTED.memory}, "memory 3538 MiB instead of 128 MiB"),
        ({"Timeout": 3}, {"Timeout": 900}, "timeout 900 s instead of 3 s"),
        (
            {"EphemeralStorage": {"Size": 512}},
            {"EphemeralStorage": {"Size": 2048}},
            "storage 2048 MiB instead of 512 MiB",
        ),
        ({"Role": "other"}, {"Role": WANTED.role}, f"role {WANTED.role} instead of other"),
        ({"ImageConfigResponse": {}}, {"ImageConfig": {"Command": ["lambda"]}}, "command ['lambda'] instead of []"),
    ],
)
def test_one_difference_of_a_function(there, settings, change):
    assert differences(WANTED, {**THERE, **there}) == (settings, [change])


def test_variables_of_others_stay_and_values_are_not_said():
    there = {**THERE, "Environment": {"Variables": {"A": "secret", "THEIRS": "x"}}}
    settings, changes = differences(WANTED, there)
    assert settings == {"Environment": {"Variables": {"A": "1", "THEIRS": "x"}}}
    assert changes == ["environment A"]


SERVICE = CloudRunService("image:1", environment={"A": "1"}, service_account="a@b")


@pytest.mark.parametrize(("shape", "message"), [(shape_service, run_v2.Service), (shape_job, run_v2.Job)])
def test_what_was_shaped_differs_in_nothing(shape, message):
    made = message()
    assert len(shape(made, SERVICE)) > 4
    assert shape(made, SERVICE) == ()


def test_a_service_is_private_and_one_of_the_second_generation():
    service = run_v2.Service()
    shape_service(service, SERVICE)
    service.invoker_iam_disabled = True
    service.template.revision = "named-by-hand"
    service.template.labels["team"] = "films"
    assert shape_service(service, SERVICE) == ("private True instead of False",)
    assert not service.invoker_iam_disabled
    assert service.template.revision == "", "the name of a revision may be used once only"
    assert service.template.labels["team"] == "films"
    assert service.template.execution_environment.name == "EXECUTION_ENVIRONMENT_GEN2"


def test_a_service_is_started_for_its_concurrency_and_answers_before_its_time_is_up():
    assert serving(CloudRunService("x", concurrency=4, timeout=60)) == (
        "serve",
        "--concurrency",
        "4",
        "--seconds",
        "54",
    )
    assert serving(CloudRunService("x"))[-1] == "3590"


def test_one_difference_of_a_service():
    service = run_v2.Service()
    shape_service(service, SERVICE)
    service.template.containers[0].env.append(run_v2.EnvVar(name="THEIRS", value="x"))
    wanted = CloudRunService("image:2", environment={"A": "2"}, service_account="a@b", maximum=7)
    assert shape_service(service, wanted) == (
        "image image:2 instead of image:1",
        "environment A",
        "instances 0 to 7 instead of 0 to 100",
    )
    assert {each.name: each.value for each in service.template.containers[0].env} == {"A": "2", "THEIRS": "x"}


def test_a_job_tries_its_one_task_once():
    job = run_v2.Job()
    shape_job(job, SERVICE)
    job.template.template.max_retries = 3
    assert shape_job(job, SERVICE) == ("retries 0 instead of 3",)
    assert job.template.task_count == 1


@pytest.mark.parametrize("address", ["https://x.run.app", "http://127.0.0.1:8080", "http://localhost:1/path/"])
def test_addresses_that_a_token_may_be_sent_to(address):
    assert checked_address(address, "x") == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "http://x.run.app",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "",
        "https://",
        "https://u:p@x",
        "http://[::1",
    ],
)
def test_addresses_that_no_token_is_sent_to(address):
    with pytest.raises(BadSettings):
        checked_address(address, "x")


async def test_a_target_of_the_cluster_needs_no_adapter():
    with pytest.raises(ValueError, match="of the cluster itself"):
        await connect(RenderTargetSpec.model_validate({"kubernetes": {}}))


@pytest.mark.parametrize(
    ("target", "library", "extra"),
    [
        ({"lambda": {"functionName": "f", "region": "eu-west-1"}}, "boto3", "aws"),
        ({"cloudRun": {"service": "s", "region": "europe-west1", "project": "media-1"}}, "google.auth", "gcp"),
        ({"cloudRun": {"job": "j", "region": "europe-west1", "project": "media-1"}}, "google.cloud.run_v2", "gcp"),
    ],
)
async def test_without_its_library_a_target_names_the_extra_to_install(monkeypatch, target, library, extra):
    monkeypatch.setitem(sys.modules, library, None)
    # `from google.cloud import run_v2` would find it as an attribute, once it was imported.
    parent, _, name = library.rpartition(".")
    if parent in sys.modules:
        monkeypatch.delattr(sys.modules[parent], name, raising=False)
    with pytest.raises(MissingExtra, match=rf"pip install 'helios-render\[{extra}\]'"):
        await connect(RenderTargetSpec.model_validate(target))


def test_the_clouds_libraries_are_imported_when_they_are_needed():
    program = """
import sys, heliosctl.app, helios_adapters.connecting
for name, command in heliosctl.app.COMMANDS.items():
    command.load(name)
late = {"boto3", "botocore", "google.auth", "google.cloud", "aiohttp", "requests"}
print(sorted(late & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("4Gi", 4.0), ("512Mi", 0.5), ("1G", 1e9 / 2**30), ("2147483648", 2.0), ("", 0.0), ("a lot", 0.0)],
)
def test_the_memory_of_a_service_is_read_for_estimates(limit: str, expected: float):
    service = run_v2.Service()
    service.template.containers = [run_v2.Container(resources={"limits": {"memory": limit}} if limit else {})]
    assert memory_of(service.template) == expected
