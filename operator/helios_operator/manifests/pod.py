"""The worker's pod: its permissions, volumes and time limit."""

from collections.abc import Mapping
from datetime import timedelta

from helios_crds.mapping import COMPOSITION_FOLDER
from helios_crds.rendertarget import BrowserSandbox, PodSettings, RenderTargetSpec, Resources
from helios_crds.wire import Stage
from helios_crds.words import SECRET_PREFIX
from helios_operator.manifests.names import REQUEST, attempt_labels, page_name
from helios_operator.manifests.request import Manifest, request_text, request_url
from helios_operator.model.config import Config
from helios_operator.model.decision import StartAttempt
from helios_operator.model.image import is_pinned
from helios_operator.model.locations import allowed_in_pod, uses_own_store
from helios_operator.model.observation import ObservedJob, Places

CONTAINER = "worker"
USER = 10001  # the image's
SCRATCH = "/tmp"  # noqa: S108 - the pod's own emptyDir
REQUEST_FOLDER, REQUEST_FILE = "/helios/request", "request.json"
PROPS_FOLDER = "/helios/props"
HEADERS_FOLDER = "/helios/headers"
TERMINATION_LOG = "/dev/termination-log"
DEFAULT_RESOURCES = Resources(requests={"cpu": "150m", "memory": "256Mi"}, limits={"cpu": "2", "memory": "4Gi"})
"""Of pods whose target gives none. With these requests fifty renders at once went well on two processors. The limits
are for two browsers, since a worker has one for each CPU of its limit."""
SCRATCH_SIZE, SHARED_MEMORY = "20Gi", "2Gi"
"""Limits of a pod's own volumes if its limits do not name ephemeral-storage and memory. A stitch for a bucket holds the
film and its segments. Shared memory counts as memory of the pod too."""


def pod_template(
    job: ObservedJob,
    start: StartAttempt,
    target: RenderTargetSpec,
    places: Places,
    limit: timedelta,
    config: Config,
) -> Manifest:
    """The template of an attempt's pod.

    limit: how long it may run once it is scheduled. A Job's own deadline would include the wait for a node.
    """
    settings = pod_settings(target)
    volumes, mounts = _volumes(job, start, settings, config)
    request = {REQUEST: request_text(job, places)} if start.work.stage is Stage.PLAN else {}
    spec: Manifest = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": max(1, round(limit.total_seconds())),
        "terminationGracePeriodSeconds": 30,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": _seccomp(settings.browserSandbox),
        },
        "containers": [_container(job, start, target, mounts, places, config)],
        "volumes": volumes,
        **_user_namespace(settings.browserSandbox),
        **_scheduling(settings),
    }
    return {
        "metadata": {
            "labels": {**(settings.labels or {}), **attempt_labels(job, start.work, start.number)},
            "annotations": {**(settings.annotations or {}), **request},
        },
        "spec": spec,
    }


def pod_settings(target: RenderTargetSpec) -> PodSettings:
    """The settings of a target's pods, with the default resources if it gives none."""
    given = (target.kubernetes.pod if target.kubernetes else None) or PodSettings()
    return given if given.resources is not None else given.model_copy(update={"resources": DEFAULT_RESOURCES})


def _seccomp(sandbox: BrowserSandbox | None) -> Manifest:
    """RuntimeDefault forbids user namespaces, with which the browser's own sandbox begins."""
    if sandbox is None:
        return {"type": "RuntimeDefault"}
    if sandbox.seccompProfile is None:
        return {"type": "Unconfined"}
    return {"type": "Localhost", "localhostProfile": sandbox.seccompProfile}


def _user_namespace(sandbox: BrowserSandbox | None) -> Manifest:
    return {} if sandbox is None or sandbox.hostUsers is None else {"hostUsers": sandbox.hostUsers}


def _scheduling(settings: PodSettings) -> Manifest:
    fields = (
        "nodeSelector",
        "tolerations",
        "affinity",
        "serviceAccountName",
        "imagePullSecrets",
        "priorityClassName",
        "runtimeClassName",
    )
    return settings.model_dump(include=set(fields), exclude_none=True)


def _container(
    job: ObservedJob,
    start: StartAttempt,
    target: RenderTargetSpec,
    mounts: list[Manifest],
    places: Places,
    config: Config,
) -> Manifest:
    settings = pod_settings(target)
    credentials = job.spec.artifacts.credentialsRef if job.spec.artifacts else None
    return {
        "name": CONTAINER,
        "image": worker_image(job, start.work.stage, config),
        "imagePullPolicy": config.image_pull_policy,
        "args": [literal(argument) for argument in arguments(job, start, target, places)],
        "env": [
            {"name": "HOME", "value": SCRATCH},
            *(variable.model_dump(exclude_none=True) for variable in settings.env or []),
            # Last, since the last of two variables with one name holds.
            *({"name": name, "value": literal(value)} for name, value in _environment(job, target, places).items()),
        ],
        # With a prefix, from which the worker takes only credentials: no other entry can set a variable of the pod.
        **({"envFrom": [{"prefix": SECRET_PREFIX, "secretRef": {"name": credentials.name}}]} if credentials else {}),
        "resources": settings.resources.model_dump(exclude_none=True) if settings.resources else {},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }


def literal(text: str) -> str:
    """A text in a container's arguments or environment in which the kubelet replaces no $(VARIABLE)."""
    return text.replace("$(", "$$(")


def _environment(job: ObservedJob, target: RenderTargetSpec, places: Places) -> Mapping[str, str]:
    """The operator's own variables. A RenderTarget cannot set them."""
    return {
        "HELIOS_TERMINATION_LOG": TERMINATION_LOG,
        "HELIOS_ALLOWED_STORES": ",".join(allowed_in_pod(job, places)),
        "HELIOS_ALLOWED_ADDRESSES": ",".join(target.allowedAddresses or ()),
        **({"HELIOS_BROWSER_SANDBOX": "1"} if pod_settings(target).browserSandbox is not None else {}),
    }


def worker_image(job: ObservedJob, stage: Stage, config: Config) -> str:
    """The image of a stage's pod: for all but the plan, the plan's own, if a registry has it by its digest.

    So an upgrade of the operator leaves a running render with the image that it was planned with. An image that nodes
    get by hand (pull policy Never) may have its digest on one node alone.
    """
    plan = job.status.plan
    if plan is None or stage is Stage.PLAN or config.image_pull_policy == "Never":
        return config.image
    return plan.image if is_pinned(plan.image, config.image) else config.image


def arguments(job: ObservedJob, start: StartAttempt, target: RenderTargetSpec, places: Places) -> list[str]:
    """The worker's arguments."""
    common = ["--workspace", SCRATCH, "--attempt", str(start.number)]
    if job.spec.composition.jobSpec is not None and target.allowCommands:
        common.append("--allow-commands")
    if _opens_with_headers(job, start):
        common += ["--headers-from", HEADERS_FOLDER, "--headers-to", job.spec.composition.url or ""]
    if start.work.stage is Stage.PLAN:
        props = [f"{PROPS_FOLDER}/{index}" for index in range(len(job.spec.composition.propsFrom or []))]
        given = [argument for path in props for argument in ("--props", path)]
        request = f"{REQUEST_FOLDER}/{REQUEST_FILE}"
        return ["plan", request_url(job, places), "--request", request, *given, *common]
    assert job.status.plan is not None
    index = [str(start.work.chunk)] if start.work.stage is Stage.CHUNK else []
    return [str(start.work.stage), job.status.plan.jobPath, *index, *common]


def _opens_with_headers(job: ObservedJob, start: StartAttempt) -> bool:
    """Whether a pod opens the page and may ask its server: a chunk does where a frame asks what the plan did not."""
    return job.spec.composition.headersFrom is not None and start.work.stage is not Stage.STITCH


def _volumes(
    job: ObservedJob, start: StartAttempt, settings: PodSettings, config: Config
) -> tuple[list[Manifest], list[Manifest]]:
    limits = (settings.resources.limits if settings.resources else None) or {}
    memory = {"medium": "Memory", "sizeLimit": str(limits.get("memory", SHARED_MEMORY))}
    volumes: list[Manifest] = [
        {"name": "tmp", "emptyDir": {"sizeLimit": str(limits.get("ephemeral-storage", SCRATCH_SIZE))}},
        {"name": "shm", "emptyDir": memory},
    ]
    mounts: list[Manifest] = [{"name": "tmp", "mountPath": SCRATCH}, {"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108
    if config.store.claim and not uses_own_store(job):
        volumes.append({"name": "artifacts", "persistentVolumeClaim": {"claimName": config.store.claim}})
        mounts.append({"name": "artifacts", "mountPath": config.store.mount})
    if start.work.stage is Stage.PLAN:
        _add_inputs(job, volumes, mounts)
    headers = job.spec.composition.headersFrom
    if headers is not None and _opens_with_headers(job, start):
        # As files: a variable would be inherited by every program of the pod.
        volumes.append({"name": "headers", "secret": {"secretName": headers.secretRef.name, "defaultMode": 0o440}})
        mounts.append({"name": "headers", "mountPath": HEADERS_FOLDER, "readOnly": True})
    return volumes, mounts


def _add_inputs(job: ObservedJob, volumes: list[Manifest], mounts: list[Manifest]) -> None:
    """Adds the plan's inputs: the request, the composition and props from ConfigMaps."""
    request = {"path": REQUEST_FILE, "fieldRef": {"fieldPath": f"metadata.annotations['{REQUEST}']"}}
    volumes.append({"name": "request", "downwardAPI": {"items": [request]}})
    mounts.append({"name": "request", "mountPath": REQUEST_FOLDER, "readOnly": True})
    source = job.spec.composition
    if source.inline is not None or source.configMap is not None:
        page = source.configMap.name if source.configMap is not None else page_name(job)
        volumes.append({"name": "composition", "configMap": {"name": page}})
        mounts.append({"name": "composition", "mountPath": COMPOSITION_FOLDER, "readOnly": True})
    if not source.propsFrom:
        return
    references = [given.configMapKeyRef for given in source.propsFrom]
    sources = [
        {"configMap": {"name": reference.name, "items": [{"key": reference.key, "path": str(index)}]}}
        for index, reference in enumerate(references)
    ]
    volumes.append({"name": "props", "projected": {"sources": sources}})
    mounts.append({"name": "props", "mountPath": PROPS_FOLDER, "readOnly": True})
