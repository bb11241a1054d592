"""Workers that only pretend: stages by which kwok plays the operator's pods on a node that is not there.

A pod says by its annotations what becomes of it, and a RenderTarget can set those:

    fake.helios.video/wait             how long it waits to start, such as 200ms
    fake.helios.video/run              how long it runs
    fake.helios.video/plan, …/stitch   termination message of these stages
    fake.helios.video/chunk-2-a1       exit code of chunk 2, first attempt; 0 where there is none
"""

import json

PREFIX = "fake.helios.video"
NAMESPACE = "NAMESPACE"
"""In a termination message: the pod's namespace."""
Selector = dict[str, object]
DELETED: Selector = {"key": ".metadata.deletionTimestamp", "operator": "Exists"}
ALIVE: Selector = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}

_STARTED = """
{{ $now := Now }}
conditions:
- {type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }}}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  ready: true
  started: true
  restartCount: 0
  state: {running: {startedAt: {{ $now | Quote }}}}
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
"""

_ENDED = """
{{ $now := Now }}
{{ $root := . }}
{{ $labels := .metadata.labels }}
{{ $stage := index $labels "helios.video/stage" }}
{{ $chunk := index $labels "helios.video/chunk" }}
{{ $attempt := index $labels "helios.video/attempt" }}
{{ $told := or .metadata.annotations dict }}
{{ $code := or (index $told (printf "PREFIX/%s-%s-a%s" $stage $chunk $attempt)) "0" }}
{{ $message := or (index $told (printf "PREFIX/%s-%s-a%s.message" $stage $chunk $attempt))
                  (index $told (printf "PREFIX/%s" $stage)) "" }}
{{ $message = replace "NAMESPACE" .metadata.namespace $message }}
conditions:
- {type: Ready, status: "False", lastTransitionTime: {{ $now | Quote }}}
containerStatuses:
{{ range $index, $item := .spec.containers }}
- name: {{ $item.name | Quote }}
  image: {{ $item.image | Quote }}
  ready: false
  started: false
  restartCount: 0
  state:
    terminated:
      exitCode: {{ $code }}
      message: {{ $message | Quote }}
      startedAt: {{ $root.status.startTime | Quote }}
      finishedAt: {{ $now | Quote }}
{{ end }}
phase: {{ if eq $code "0" }}Succeeded{{ else }}Failed{{ end }}
""".replace("PREFIX", PREFIX)

_KILLED = """
{{ $now := Now }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  ready: false
  started: false
  restartCount: 0
  state: {terminated: {exitCode: 137, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
{{ end }}
phase: Failed
"""

_NODE = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
allocatable: {cpu: 1M, memory: 1Pi, pods: 1M, ephemeral-storage: 1Pi}
capacity: {cpu: 1M, memory: 1Pi, pods: 1M, ephemeral-storage: 1Pi}
phase: Running
"""


def stages() -> str:
    """kwok's configuration."""
    not_ready: Selector = {"key": '.status.conditions.[] | select( .type == "Ready" ) | .status', "operator": "NotIn"}
    found = [
        _stage("node", [not_ready | {"values": ["True"]}], {"statusTemplate": _NODE}, kind="Node"),
        _stage("start", [ALIVE, _in_phase("Pending")], {"statusTemplate": _STARTED}, after="wait"),
        _stage("end", [ALIVE, _in_phase("Running")], {"statusTemplate": _ENDED}, after="run"),
        _stage("kill", [DELETED, _in_phase("Pending", "Running")], {"statusTemplate": _KILLED}),
        _stage("remove", [DELETED, _in_phase("Succeeded", "Failed")], {"delete": True}),
    ]
    return "\n---\n".join(json.dumps(stage) for stage in found)


def node(name: str) -> dict[str, object]:
    """A node for any number of pods, which kwok keeps."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}},
    }


def _in_phase(*phases: str) -> Selector:
    return {"key": ".status.phase", "operator": "In", "values": list(phases)}


def _stage(
    name: str, when: list[Selector], then: dict[str, object], *, kind: str = "Pod", after: str = ""
) -> dict[str, object]:
    delay = {"expressionFrom": f'.metadata.annotations["{PREFIX}/{after}"]'}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": f"{kind.lower()}-{name}"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": when},
            **({"delay": {"durationMilliseconds": 0, "durationFrom": delay}} if after else {}),
            "next": then,
        },
    }
