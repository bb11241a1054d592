"""RenderTarget: where chunks may run, and with which rights. Cluster-scoped and made by an admin, as a StorageClass.

Long, because one kind of the API is one file, field by field.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from helios_crds.base import (
    NAME_SHAPE,
    ONE_WAY,
    OPEN_OBJECT,
    STORE_SHAPE,
    ApiModel,
    Condition,
    Label,
    Name,
    Shape,
    StatusModel,
    listed,
    rules,
)
from helios_crds.renderjob import KeyRef

Labels = Annotated[dict[str, Label], Field(max_length=32)]
Price = Annotated[
    str,
    Field(max_length=24),
    Shape(
        r"^[0-9]{1,9}(\.[0-9]{1,12})?$", 'must be an amount in quotes with at most 12 decimals, such as "0.0000166667"'
    ),
]
EnvName = Annotated[
    str,
    Field(max_length=128),
    Shape("^[A-Za-z_][A-Za-z0-9_]*$", "must consist of letters, digits and _, and not begin with a digit"),
]
QUANTITY_RULES = rules(
    (
        "type(self) == int ? self >= 0 : isQuantity(self) && !quantity(self).isLessThan(quantity('0'))",
        "must be a quantity that is not negative, such as 2, 500m or 4Gi",
    )
)
Quantity = Annotated[int | str, Field(json_schema_extra={"maxLength": 32, **QUANTITY_RULES})]
TaintKey = Annotated[
    str,
    Field(max_length=317),
    Shape(
        r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "must be the key of a taint, such as node.kubernetes.io/unreachable",
    ),
]
QueueName = Annotated[str, Field(max_length=63), NAME_SHAPE]
Region = Annotated[
    str, Field(max_length=32), Shape("^[a-z]{2}(-[a-z]+)+-[0-9]$", "must be a region of AWS, such as eu-west-1")
]
FunctionName = Annotated[
    str,
    Field(max_length=170),
    Shape("^[-_$:a-zA-Z0-9]+$", "must be the name or the ARN of a function"),
]
GoogleRegion = Annotated[
    str,
    Field(max_length=32),
    Shape("^[a-z]+(-[a-z]+)+[0-9]+$", "must be a region of Google Cloud, such as europe-west1"),
]
GoogleProject = Annotated[
    str,
    Field(max_length=63),
    Shape("^([a-z0-9.-]+:)?[a-z][-a-z0-9]*[a-z0-9]$", "must be the ID of a project, such as media-1234"),
]
GoogleName = Annotated[
    str,
    Field(max_length=63),
    Shape("^[a-z]([-a-z0-9]*[a-z0-9])?$", "must consist of lower-case letters, digits and -, and begin with a letter"),
]
NamespaceName = Annotated[
    str,
    Field(max_length=63),
    Shape(r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$", "must be the name of a namespace, or * for all"),
]

OURS, SETTABLE = "HELIOS_", "HELIOS_STORE_"
NAMESPACE = "{namespace}"
"""In a prefix of allowedStores: the name of the RenderJob's namespace."""
StorePrefix = Annotated[
    str,
    Field(max_length=1024),
    STORE_SHAPE,
    ONE_WAY,
    Shape(
        r"^[^{}]*$|^[a-z0-9]+://[^/{}]*\{namespace\}[^/{}]*(/[^{}]*)?$|^[a-z0-9]+://[^{}]*/\{namespace\}(/[^{}]*)?$",
        "may contain {namespace} once, as a part of the bucket's name or as the whole name of a folder",
    ),
]
NetworkAddress = Annotated[
    str,
    Field(max_length=261),
    Shape(
        r"^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?$"
        r"|^([0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?(/[0-9]{1,3})?)$",
        "must be a host such as fonts.internal or fonts.internal:8443, or a network such as 10.0.0.0/8",
    ),
]


_WITHIN_LIMITS = (
    "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || "
    "!isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name])) || "
    "!quantity(string(self.requests[name])).isGreaterThan(quantity(string(self.limits[name]))))"
)


class Resources(ApiModel):
    """Compute resources of a worker's container."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (_WITHIN_LIMITS, "a request is above its limit: lower it, or raise the limit"),
        )
    )

    requests: Annotated[dict[str, Quantity], Field(max_length=16)] | None = Field(
        default=None, description="Resources reserved for the worker, such as cpu: 2 and memory: 2Gi."
    )
    limits: Annotated[dict[str, Quantity], Field(max_length=16)] | None = Field(
        default=None,
        description="Most resources that the worker may use. A chunk runs one browser per CPU of this limit.",
    )


class Toleration(ApiModel):
    """A taint that worker pods tolerate."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.operator != 'Exists' || !has(self.value) || self.value == ''",
                "Exists takes no value: leave it out",
            ),
            (
                "has(self.key) || self.operator == 'Exists'",
                "without a key, which stands for all taints, operator must be Exists",
            ),
            (
                "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                "tolerationSeconds needs effect NoExecute",
            ),
        )
    )

    key: TaintKey | None = Field(default=None, description="Key of the taint. Without it, all taints.")
    operator: Literal["Exists", "Equal"] = Field(default="Equal", description="How the value is compared.")
    value: Label | None = Field(default=None, description="Value of the taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint. Without it, all effects."
    )
    tolerationSeconds: int | None = Field(
        default=None, ge=0, description="How long NoExecute is tolerated, in seconds."
    )


class EnvKeyRef(KeyRef):
    """A key of a Secret or ConfigMap in the RenderJob's namespace."""

    optional: bool | None = Field(default=None, description="Whether the key may be missing.")


class FieldRef(ApiModel):
    """A field of the pod."""

    fieldPath: str = Field(min_length=1, max_length=512, description="Path of the field, such as spec.nodeName.")


class EnvSource(ApiModel):
    """Source of a variable's value."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef)].filter(x, x).size() == 1",
                "give exactly one of secretKeyRef, configMapKeyRef and fieldRef",
            ),
        )
    )

    secretKeyRef: EnvKeyRef | None = Field(default=None, description="A key of a Secret.")
    configMapKeyRef: EnvKeyRef | None = Field(default=None, description="A key of a ConfigMap.")
    fieldRef: FieldRef | None = Field(default=None, description="A field of the pod, such as spec.nodeName.")


class EnvVar(ApiModel):
    """A variable in the worker's environment."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!(has(self.value) && has(self.valueFrom))", "give value or valueFrom, not both"),
            (
                f"!self.name.startsWith('{OURS}') || self.name.startsWith('{SETTABLE}')",
                f"names that start with {OURS} are reserved for the operator, except for those with {SETTABLE}",
            ),
        )
    )

    name: EnvName = Field(description="Name of the variable.")
    value: str | None = Field(default=None, max_length=4096, description="Value of the variable.")
    valueFrom: EnvSource | None = Field(default=None, description="Source of the value, as in a Pod.")


class LocalRef(ApiModel):
    """An object in the namespace of the RenderJob."""

    name: Name = Field(description="Name of the object.")


class BrowserSandbox(ApiModel):
    """What the browser's own sandbox needs of a pod: processes without privileges may create user namespaces."""

    seccompProfile: Annotated[str, Shape(r"^[^/\s]+(/[^/\s]+)*$", "must be a relative path")] | None = Field(
        default=None,
        max_length=512,
        description="A seccomp profile on the nodes, below the kubelet's seccomp folder, that allows clone, unshare "
        "and chroot. Without it the pods run unconfined by seccomp, which Pod Security's baseline forbids.",
    )
    hostUsers: bool | None = Field(
        default=None, description="false gives each pod a user namespace of its own, where the nodes support it."
    )


class PodSettings(ApiModel):
    """Settings of worker pods. There are none for privileges."""

    resources: Resources | None = Field(
        default=None, description="Compute resources of the worker. Defaults to the operator's; {} means none."
    )
    nodeSelector: Labels | None = Field(default=None, description="Labels that a node must have.")
    tolerations: list[Toleration] | None = Field(
        default=None,
        max_length=16,
        description="Taints that the pods tolerate.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    affinity: dict[str, Any] | None = Field(
        default=None, max_length=3, description="Scheduling rules, as in a Pod.", json_schema_extra=OPEN_OBJECT
    )
    serviceAccountName: Name | None = Field(
        default=None,
        description="Service account with the workers' cloud identity. Its Kubernetes token is not mounted.",
    )
    imagePullSecrets: list[LocalRef] | None = Field(
        default=None,
        max_length=8,
        description="Secrets for pulling the image.",
        json_schema_extra=listed("name"),
    )
    priorityClassName: Name | None = Field(default=None, description="PriorityClass of the pods.")
    runtimeClassName: Name | None = Field(default=None, description="RuntimeClass of the pods, such as a sandbox.")
    browserSandbox: BrowserSandbox | None = Field(
        default=None, description="Starts the browser with its own sandbox. The nodes have to allow it."
    )
    labels: Labels | None = Field(default=None, description="Additional labels of the pods.")
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32)] | None = Field(
        default=None, description="Annotations of the pods."
    )
    env: list[EnvVar] | None = Field(
        default=None, max_length=64, description="Additional environment variables.", json_schema_extra=listed("name")
    )


class KubernetesTarget(ApiModel):
    """Pods in this cluster."""

    queueName: QueueName | None = Field(default=None, description="Kueue LocalQueue that admits the Jobs.")
    pod: PodSettings | None = Field(default=None, description="Settings of the worker pods.")


class LambdaTarget(ApiModel):
    """An AWS Lambda function that runs the worker's image."""

    functionName: FunctionName = Field(description="Name or ARN of the function.")
    region: Region = Field(description="AWS region of the function.")


class CloudRunTarget(ApiModel):
    """A Cloud Run service or job that runs the worker's image."""

    model_config = ConfigDict(
        json_schema_extra=rules(("has(self.service) != has(self.job)", "give exactly one of service and job"))
    )

    service: GoogleName | None = Field(default=None, description="Name of the service.")
    job: GoogleName | None = Field(default=None, description="Name of the job, instead of a service.")
    region: GoogleRegion = Field(description="Region of the service or job.")
    project: GoogleProject = Field(description="ID of its Google Cloud project.")
    audience: str | None = Field(
        default=None, max_length=512, description="Audience of the identity token. Defaults to the service's address."
    )


class TargetPrice(ApiModel):
    """What running chunks there costs, for budgets."""

    perGiBSecond: Price | None = Field(default=None, description="Price of one GiB of memory for one second.")
    perRequest: Price | None = Field(default=None, description="Price of one request.")


class RenderTargetSpec(ApiModel):
    """Where chunks may run."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.kubernetes), has(self.lambda), has(self.cloudRun)].filter(x, x).size() == 1",
                "give exactly one of kubernetes, lambda and cloudRun",
            ),
        )
    )

    kubernetes: KubernetesTarget | None = Field(default=None, description="Pods in this cluster.")
    # `lambda` is a keyword of Python.
    aws_lambda: LambdaTarget | None = Field(default=None, alias="lambda", description="An AWS Lambda function.")
    cloudRun: CloudRunTarget | None = Field(default=None, description="A Cloud Run service or job.")
    maxConcurrent: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="Most plans, chunks and stitches that run on the target at once, of all RenderJobs together.",
    )
    allowedNamespaces: list[NamespaceName] = Field(
        default=["*"],
        max_length=256,
        description="Namespaces whose RenderJobs may use the target; * means all.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    allowedStores: list[StorePrefix] | None = Field(
        default=None,
        max_length=64,
        description="Prefixes of stores that RenderJobs may read and write through this target. In s3://media/ each "
        "namespace has the folder s3://media/NAMESPACE/; s3://{namespace}-media/ says where its name goes. A target "
        "of a single namespace gives it the whole prefix. The operator's own store is always allowed.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    allowedSources: list[Annotated[str, Field(max_length=1024), STORE_SHAPE, ONE_WAY]] | None = Field(
        default=None,
        max_length=64,
        description="Prefixes from which RenderJobs of all allowed namespaces may read compositions, such as "
        "s3://templates/, in addition to their own stores.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    allowedAddresses: list[NetworkAddress] | None = Field(
        default=None,
        max_length=64,
        description="Hosts and networks that pages may reach although workers refuse private addresses, such as "
        "fonts.internal:8443 or 10.1.0.0/16. For pods; functions and services have it in their environment.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    allowCommands: bool = Field(
        default=False,
        description="Whether pods may run the commands in the chunks of a jobSpec, with the rights of the pod.",
    )
    price: TargetPrice | None = Field(default=None, description="What running chunks there costs.")

    @property
    def is_offload(self) -> bool:
        """Whether it runs outside of the cluster."""
        return self.kubernetes is None


class RenderTargetStatus(StatusModel):
    """The target's state, as the operator sees it."""

    observedGeneration: int = Field(default=0, ge=0, description="Generation of the spec that this status describes.")
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=8,
        description="Ready, and kstatus' Reconciling and Stalled.",
        json_schema_extra=listed("type"),
    )
