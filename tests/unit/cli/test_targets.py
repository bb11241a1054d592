"""--target as users write it, and what `heliosctl deploy` prints to be applied."""

import pytest
import yaml

from helios_crds.rendertarget import RenderTargetSpec
from helios_worker.errors import UserError
from heliosctl.arguments.targets import Destination, check_store, read_targets
from heliosctl.commands.deploy import environment, pairs, target_yaml

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:helios-worker"


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("local", Destination("local")),
        ("lambda=helios", Destination("lambda", "helios", None, 100)),
        ("lambda=helios:200", Destination("lambda", "helios", None, 200)),
        ("lambda=helios:live", Destination("lambda", "helios:live", None, 100)),
        ("lambda=helios:live:7", Destination("lambda", "helios:live", None, 7)),
        ("lambda=helios@eu-west-1", Destination("lambda", "helios", "eu-west-1", 100)),
        ("lambda=helios@eu-west-1:3", Destination("lambda", "helios", "eu-west-1", 3)),
        (f"lambda={ARN}", Destination("lambda", ARN, None, 100)),
        (f"lambda={ARN}:9", Destination("lambda", ARN, None, 9)),
        ("cloud-run=https://x-ew.a.run.app", Destination("cloud-run", "https://x-ew.a.run.app", None, 100)),
        ("cloud-run=https://x-ew.a.run.app/", Destination("cloud-run", "https://x-ew.a.run.app", None, 100)),
        ("cloud-run=https://x-ew.a.run.app:50", Destination("cloud-run", "https://x-ew.a.run.app", None, 50)),
        ("cloud-run=http://127.0.0.1:8080", Destination("cloud-run", "http://127.0.0.1:8080", None, 100)),
        ("cloud-run=http://127.0.0.1:8080/run/x:4", Destination("cloud-run", "http://127.0.0.1:8080/run/x", None, 4)),
    ],
)
def test_one_target(text, destination):
    assert read_targets(text) == [destination]


def test_targets_keep_their_order():
    found = read_targets("lambda=a:5, cloud-run=https://b.run.app,local")
    assert [str(each) for each in found] == ["lambda=a", "cloud-run=https://b.run.app", "local"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lambda",
        "lambda=",
        "lambda=a,",
        "lambda=a:0",
        "lambda=a:99999",
        "lambda=a b",
        "lambda=a@",
        "kubernetes=x",
        "local=x",
        "cloud-run=x",
        "cloud-run=http://x.run.app",
        "cloud-run=https://user:secret@x.run.app",
        "lambda=a:5,lambda=a:6",
        "local,local",
    ],
)
def test_what_is_no_target_is_refused(text):
    with pytest.raises(UserError, match="--target"):
        read_targets(text)


def test_the_clouds_cannot_reach_a_folder(tmp_path):
    store = tmp_path.as_uri()
    check_store([Destination("local")], store)
    with pytest.raises(UserError, match="lambda=a cannot reach the artifacts") as caught:
        check_store([Destination("local"), Destination("lambda", "a", None, 1)], store)
    assert "--artifacts s3://" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("helios_Worker", {"lambda": {"functionName": "helios_Worker", "region": "eu-west-1"}}),
        ("123", {"lambda": {"functionName": "123", "region": "eu-west-1"}}),
        ("helios", {"cloudRun": {"service": "helios", "region": "europe-west1", "project": "media-1234"}}),
        ("helios", {"cloudRun": {"job": "helios", "region": "europe-west1", "project": "media-1234"}}),
    ],
)
def test_what_is_printed_is_a_render_target(name, spec):
    found = yaml.safe_load(target_yaml(name, spec, 70, ["s3://media/", "gs://films/a"]))
    assert found["kind"] == "RenderTarget"
    assert found["metadata"]["name"] == name.lower().replace("_", "-")
    read = RenderTargetSpec.model_validate(found["spec"])
    assert read.maxConcurrent == 70
    assert read.allowedStores == ["s3://media/", "gs://films/a"]
    assert read.model_dump(by_alias=True, exclude_none=True)[next(iter(spec))] == next(iter(spec.values()))


def test_the_workers_environment():
    assert environment(["A=1"], ["s3://a/", "s3://b/"]) == {"A": "1", "HELIOS_ALLOWED_STORES": "s3://a/,s3://b/"}
    assert environment(None, None) == {}


def test_variables_and_tags():
    assert pairs(["A=1", "B=x=y", "C="], "--env") == {"A": "1", "B": "x=y", "C": ""}
    assert pairs(None, "--env") == {}
    for wrong in ("A", "=1"):
        with pytest.raises(UserError, match="--env"):
            pairs([wrong], "--env")
