"""RenderTarget: where chunks may run, and with whose rights. Cluster-scoped, made by an admin, as a StorageClass is."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from helios_crds.base import OPEN_OBJECT, ApiModel, Condition, Label, Name, Quantity, StatusModel, listed, rules

Labels = Annotated[dict[str, Label], Field(max_length=32)]
Price = Annotated[str, Field(max_length=24, pattern=r"^[0-9]{1,9}(\.[0-9]{1,12})?$")]
EnvName = Annotated[str, Field(min_length=1, max_length=128, pattern="^[A-Za-z_][A-Za-z0-9_]*$")]

OURS = "HELIOS_"


class Resources(ApiModel):
    """Compute resources of a worker's container."""

    requests: Annotated[dict[str, Quantity], Field(max_length=16)] | None = Field(
        default=None, description="What is set aside for it, such as cpu: 2 and memory: 2Gi."
    )
    limits: Annotated[dict[str, Quantity], Field(max_length=16)] | None = Field(
        default=None, description="What it may use at most. A chunk runs one browser per CPU of its limit."
    )


class Toleration(ApiModel):
    """A taint that worker pods put up with."""

    key: str | None = Field(default=None, max_length=317, description="Key of the taint; all taints if left out.")
    operator: Literal["Exists", "Equal"] = Field(default="Equal", description="How the value is compared.")
    value: str | None = Field(default=None, max_length=63, description="Value of the taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint; all effects if left out."
    )
    tolerationSeconds: int | None = Field(default=None, ge=0, description="For how long NoExecute is put up with.")


class EnvVar(ApiModel):
    """A variable in the worker's environment."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!(has(self.value) && has(self.valueFrom))", "give value or valueFrom, not both"),
            (f"!self.name.startsWith('{OURS}')", f"names that start with {OURS} are the operator's"),
        )
    )

    name: EnvName = Field(description="Name of the variable.")
    value: str | None = Field(default=None, max_length=4096, description="Its value.")
    valueFrom: dict[str, Any] | None = Field(
        default=None,
        max_length=1,
        description="Where its value comes from: secretKeyRef, configMapKeyRef or fieldRef, as in a Pod.",
        json_schema_extra=OPEN_OBJECT,
    )


class LocalRef(ApiModel):
    """An object in the namespace of the RenderJob."""

    name: Name = Field(description="Name of the object.")


class PodSettings(ApiModel):
    """What an admin may set on worker pods. Privileges cannot be asked for: there is no field for them."""

    resources: Resources | None = Field(default=None, description="Compute resources of the worker.")
    nodeSelector: Labels | None = Field(default=None, description="Labels that a node must have.")
    tolerations: list[Toleration] | None = Field(
        default=None,
        max_length=16,
        description="Taints that the pods put up with.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    affinity: dict[str, Any] | None = Field(
        default=None, max_length=3, description="Scheduling rules, as in a Pod.", json_schema_extra=OPEN_OBJECT
    )
    serviceAccountName: Name | None = Field(
        default=None, description="Account whose cloud identity the workers have. No token is mounted for it."
    )
    imagePullSecrets: list[LocalRef] | None = Field(
        default=None,
        max_length=8,
        description="Secrets for the image's registry.",
        json_schema_extra=listed("name"),
    )
    priorityClassName: Name | None = Field(default=None, description="Priority of the pods in the cluster.")
    runtimeClassName: Name | None = Field(default=None, description="Runtime of the pods, such as a sandbox.")
    labels: Labels | None = Field(default=None, description="Further labels of the pods.")
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32)] | None = Field(
        default=None, description="Annotations of the pods."
    )
    env: list[EnvVar] | None = Field(
        default=None, max_length=64, description="Further environment.", json_schema_extra=listed("name")
    )


class KubernetesTarget(ApiModel):
    """Pods of this cluster."""

    queueName: Label | None = Field(default=None, description="Kueue's LocalQueue that admits the Jobs.")
    pod: PodSettings | None = Field(default=None, description="Settings of the worker pods.")


class LambdaTarget(ApiModel):
    """An AWS Lambda function of the worker's image."""

    functionName: str = Field(min_length=1, max_length=170, description="Name or ARN of the function.")
    region: str = Field(max_length=32, pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$", description="Its region.")


class CloudRunTarget(ApiModel):
    """A Cloud Run service or job of the worker's image."""

    model_config = ConfigDict(
        json_schema_extra=rules(("has(self.service) != has(self.job)", "give exactly one of service and job"))
    )

    service: str | None = Field(default=None, max_length=63, description="Name of the service.")
    job: str | None = Field(default=None, max_length=63, description="Name of the job, instead of a service.")
    region: str = Field(max_length=32, description="Its region.")
    project: str = Field(max_length=63, description="Its project.")
    audience: str | None = Field(
        default=None, max_length=512, description="Audience of the identity token; by default the service's address."
    )


class TargetPrice(ApiModel):
    """What running there costs, for budgets."""

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

    kubernetes: KubernetesTarget | None = Field(default=None, description="Pods of this cluster.")
    # `lambda` is a keyword of Python.
    aws_lambda: LambdaTarget | None = Field(default=None, alias="lambda", description="An AWS Lambda function.")
    cloudRun: CloudRunTarget | None = Field(default=None, description="A Cloud Run service or job.")
    maxConcurrent: int = Field(
        default=100, ge=1, le=100_000, description="Chunks of all RenderJobs that it takes at once, at most."
    )
    allowedNamespaces: list[Annotated[str, Field(min_length=1, max_length=63)]] = Field(
        default=["*"],
        max_length=256,
        description="Namespaces whose RenderJobs may use it; * is all.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    allowedStores: list[Annotated[str, Field(min_length=1, max_length=1024)]] | None = Field(
        default=None,
        max_length=64,
        description="Prefixes of what a RenderJob may read from and write to through it, such as s3://media/. "
        "Left out: the operator's own artifact store only.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    price: TargetPrice | None = Field(default=None, description="What running there costs.")


class RenderTargetStatus(StatusModel):
    """What the operator knows of a target."""

    observedGeneration: int = Field(default=0, ge=0, description="Generation of the spec that this status is of.")
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=8,
        description="Ready, and kstatus' Reconciling and Stalled.",
        json_schema_extra=listed("type"),
    )
