"""Jobs that the tests start themselves, with all denied to their pods that can be."""

from typing import Any

DENIED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
NOBODY = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def worker_job(
    namespace: str, name: str, image: str, *arguments: str, claim: str | None = "data", mount: str = "/data"
) -> dict[str, Any]:
    """A Job of one stage. claim: what is mounted at `mount`; None for nothing."""
    container: dict[str, Any] = {
        "name": "worker",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(arguments),
        "env": [{"name": "HELIOS_TERMINATION_LOG", "value": "/dev/termination-log"}],
        "securityContext": DENIED,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if claim is not None:
        container["volumeMounts"].append({"name": "data", "mountPath": mount})
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": claim}})
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": NOBODY,
        "containers": [container],
        "volumes": volumes,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def shell_job(
    namespace: str,
    name: str,
    image: str,
    script: str,
    *,
    claim: str | None = None,
    mount: str = "/data",
    files: str | None = None,
    folders: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A Job of a shell script in the worker's image.

    files: a ConfigMap that it finds at /input. folders: where in it some of the keys lie, by key; then only those.
    """
    job = worker_job(namespace, name, image, "-euc", script, claim=claim, mount=mount)
    pod = job["spec"]["template"]["spec"]
    pod["containers"][0]["command"] = ["sh"]
    if files is not None:
        items = [{"key": key, "path": path} for key, path in (folders or {}).items()]
        pod["containers"][0]["volumeMounts"].append({"name": "input", "mountPath": "/input"})
        pod["volumes"].append({"name": "input", "configMap": {"name": files, **({"items": items} if items else {})}})
    return job
