"""What the real API server refuses, in words that help, and the good neighbour that it takes.

Bounds are read from the committed CRDs, so that none is left out; rules stand in refusals.py, and one without a row
there fails a test.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.binaries import node_programs
from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.admission import Client, Refused, collection, helios
from tests.integration.operator.refusals import CHANGEABLE, CHANGES, FROZEN, ROWS, Row, usual
from tests.integration.operator.schemas import JOB, TARGET, Bound, bounds, place, rules

Object = dict[str, Any]
BARE: Object = {"composition": {"inline": "<p>"}}
BOUNDS = [bound for kind in (JOB, TARGET) for bound in bounds(kind)]


@pytest.fixture(scope="module")
def client(plane: ControlPlane) -> Iterator[Client]:
    """An administrator's connection."""
    found = Client(plane.server, plane.certificate)
    yield found
    found.close()


def tried(client: Client, kind: str, spec: Object, **query: str) -> Object:
    """What would be stored of an object."""
    given = helios(kind, f"try-{os.urandom(4).hex()}", spec)
    return client.create(collection(kind, "default"), given, dryRun="All", **query)


def refusal(client: Client, kind: str, spec: Object, **query: str) -> Refused:
    with pytest.raises(Refused) as caught:
        tried(client, kind, spec, **query)
    return caught.value


def dotted(field: str) -> str:
    """A field as the table writes it: the API server writes a map's key in brackets, or not."""
    return re.sub(r"\[([^\]\d][^\]]*)\]", r".\1", field.removeprefix("spec").removeprefix("."))


def test_every_rule_has_a_row():
    """A new rule cannot come without its test."""
    known = {(row.kind, path, row.says) for row in ROWS for path in row.paths}
    known |= {(JOB, "", f"{field} {FROZEN}") for field, _, _ in CHANGES}
    found = {(kind, *rule) for kind in (JOB, TARGET) for rule in rules(kind)}
    assert found - known == set(), "give these rules a row in refusals.py"
    assert known - found == set(), "these rows are of no rule"


def bad_values() -> Iterator[Any]:
    for row in ROWS:
        for path in row.paths:
            for number, value in enumerate(row.bad):
                yield pytest.param(row, path, value, id=f"{row.kind}.{path}-{row.says[:24]}-{number}")


@pytest.mark.parametrize(("row", "path", "value"), list(bad_values()))
def test_a_rule_refuses(client: Client, row: Row, path: str, value: Any):
    error = refusal(client, row.kind, place(usual(row.kind, path), path, value))
    assert error.code == 422
    assert path in {dotted(field) for field, message in error.causes if row.says in message}, error
    assert "type conversion error" not in error.message
    assert "no such overload" not in error.message


@pytest.mark.parametrize(
    ("row", "path"),
    [pytest.param(row, path, id=f"{row.kind}.{path}-{row.says[:24]}") for row in ROWS for path in row.paths],
)
def test_a_rule_takes_the_neighbours(client: Client, row: Row, path: str):
    for value in row.good:
        tried(client, row.kind, place(usual(row.kind, path), path, value), fieldValidation="Strict")


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_a_bound(client: Client, bound: Bound):
    spec = usual(bound.kind, bound.path)
    tried(client, bound.kind, place(spec, bound.path, bound.good), fieldValidation="Strict")
    error = refusal(client, bound.kind, place(spec, bound.path, bound.bad))
    assert error.code == 422
    assert bound.path in {dotted(field) for field, message in error.causes if bound.says in message}, error


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("video.fps", 29.97, "must be of type integer,string"),
        ("video.fps", True, "must be of type integer,string"),
        ("video.width", "1920", "must be of type integer"),
        ("video.duration", 45, "must be of type string"),
        ("suspend", "yes", "must be of type boolean"),
        ("composition.props", [1], "must be of type object"),
        ("composition", None, "Required value"),
        ("execution.targets", {"name": "a"}, "must be of type array"),
        ("execution.targets", [{"name": "a"}, {"name": "a"}], "Duplicate value"),
        ("chunking.count", 10_001, "less than or equal to 10000"),
        ("chunking.count", 10**30, "must be of type integer"),
    ],
)
def test_a_wrong_type_names_its_field(client: Client, path: str, value: Any, says: str):
    error = refusal(client, JOB, place(usual(JOB, path), path, value))
    assert any(dotted(field).startswith(path) and says in message for field, message in error.causes), error


@pytest.fixture
def given(client: Client) -> Iterator[Any]:
    """Creates RenderJobs for real; they are removed at the end."""
    made = []

    def create(spec: Object, name: str = "") -> str:
        path = collection(JOB, "default")
        name = name or f"given-{os.urandom(4).hex()}"
        client.create(path, helios(JOB, name, spec))
        made.append(f"{path}/{name}")
        return made[-1]

    yield create
    for path in made:
        client.delete(path)


@pytest.mark.parametrize(("field", "before", "after"), CHANGES)
def test_what_shapes_the_film_cannot_be_changed(client: Client, given: Any, field: str, before: Any, after: Any):
    spec = {**BARE, field: before} if before is not None else BARE
    path = given(spec)
    changed = client.get(path)
    if after is None:
        del changed["spec"][field]
    else:
        changed["spec"][field] = after
    with pytest.raises(Refused) as caught:
        client.replace(path, changed)
    assert (f"spec.{field}", f"Forbidden: {field} {FROZEN}") in caught.value.causes, caught.value


def test_what_does_not_shape_the_film_can_be_changed(client: Client, given: Any):
    path = given(BARE)
    for field, value in CHANGEABLE:
        body = client.get(path)
        client.replace(path, {**body, "spec": place(body["spec"], field, value)})
    assert client.get(path)["metadata"]["generation"] == 1 + len(CHANGEABLE)
    client.replace(path, client.get(path))
    client.merge(path, {"metadata": {"labels": {"team": "films"}}, "spec": {"execution": {"budget": None}}})


@pytest.mark.parametrize(
    ("name", "is_fine"),
    [("a" * 253, True), ("a.b-" * 63 + "c", True), ("a" * 254, False), ("A", False), ("a_b", False)],
)
def test_names(client: Client, name: str, is_fine: bool):
    body = helios(JOB, name, BARE)
    if is_fine:
        client.create(collection(JOB, "default"), body, dryRun="All")
        return
    with pytest.raises(Refused, match=r"metadata\.name"):
        client.create(collection(JOB, "default"), body, dryRun="All")


PRIVILEGES: list[Object] = [
    {"securityContext": {"runAsUser": 0}},
    {"containers": [{"name": "worker", "securityContext": {"privileged": True}}]},
    {"initContainers": [{"name": "evil", "image": "evil"}]},
    {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
    {"hostNetwork": True},
    {"hostPID": True},
    {"automountServiceAccountToken": True},
    {"image": "evil"},
    {"command": ["sh"]},
    {"nodeName": "control-plane"},
]


@pytest.mark.parametrize("asked", PRIVILEGES, ids=lambda asked: next(iter(asked)))
def test_privileges_cannot_be_asked_for(client: Client, asked: Object):
    """`kubectl apply` says so; a client that does not ask for that gets a pod without them."""
    (name,) = asked
    spec = {"kubernetes": {"pod": asked}}
    error = refusal(client, TARGET, spec, fieldValidation="Strict")
    assert f'unknown field "spec.kubernetes.pod.{name}"' in error.message
    assert tried(client, TARGET, spec)["spec"]["kubernetes"]["pod"] == {}


def test_an_unknown_field_is_named_or_pruned(client: Client):
    spec = {"composition": {"inline": "<p>", "titel": 1}, "vidoe": {"fps": 30}}
    error = refusal(client, JOB, spec, fieldValidation="Strict")
    assert 'unknown field "spec.composition.titel", unknown field "spec.vidoe"' in error.message
    stored = tried(client, JOB, spec)["spec"]
    assert "vidoe" not in stored
    assert "titel" not in stored["composition"]


def test_props_are_kept_as_they_are(client: Client):
    props = {"title": "Autumn", "deep": {"list": [1, None, {"a": "ä"}], "no": False}, "x-": 1.5}
    assert (
        tried(client, JOB, {"composition": {"inline": "<p>", "props": props}})["spec"]["composition"]["props"] == props
    )


def kubectl(plane: ControlPlane, *arguments: str, data: str = "") -> tuple[int, str]:
    command = [str(node_programs() / "kubectl"), f"--kubeconfig={plane.kubeconfig}", *arguments]
    done = subprocess.run(command, input=data, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_apply_is_strict(plane: ControlPlane):
    text = """
        {apiVersion: helios.video/v1alpha1, kind: RenderJob, metadata: {name: strict},
         spec: {composition: {inline: x, titel: y}}}"""
    code, said = kubectl(plane, "apply", "-f", "-", data=text)
    assert code == 1
    assert 'unknown field "spec.composition.titel"' in said


def test_explain(plane: ControlPlane):
    code, said = kubectl(plane, "explain", "renderjob.spec.video.fps")
    assert code == 0
    assert 'Frames per second, exact: 30, or a fraction in quotes such as "30000/1001"' in said


def test_field_selectors(plane: ControlPlane, client: Client, given: Any):
    running = given(BARE).rpartition("/")[2]
    held = given({**BARE, "suspend": True})
    client.merge(f"{held}/status", {"status": {"phase": "Suspended"}})
    for selector in ("spec.suspend=true", "status.phase=Suspended"):
        code, said = kubectl(plane, "get", "rj", "--field-selector", selector, "-o", "name")
        assert (code, said.split()) == (0, [f"renderjob.helios.video/{held.rpartition('/')[2]}"])
    code, said = kubectl(plane, "get", "rj", "--field-selector", "spec.suspend=false", "-o", "name")
    assert f"renderjob.helios.video/{running}" in said.split()
