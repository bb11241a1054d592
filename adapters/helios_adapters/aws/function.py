"""Creates or updates the AWS Lambda function that runs the worker's image.

A call that changes the function is made only if a setting differs. Environment variables and tags that others added
stay. Images are compared by address, so use an address with a digest, or a tag that never moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from helios_adapters.base import changed
from helios_adapters.errors import AccessDenied, BadSettings

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import GetFunctionResponseTypeDef

COMMAND = ("lambda",)
"""The command of the worker's image."""
WAIT_SECONDS = 300


@dataclass(frozen=True)
class LambdaFunction:
    """The wanted settings of a function.

    image: address in ECR, in the function's region. role: ARN of the execution role. memory: MiB, 128 to 10,240; each
    1,769 MiB come with one processor. storage: MiB of /tmp, 512 to 10,240. timeout: seconds, at most 900.
    architecture: x86_64 or arm64. reserved_concurrency: part of the account's concurrency that is reserved for this
    function; None leaves it unchanged.
    """

    image: str
    role: str
    memory: int = 3538
    storage: int = 2048
    timeout: int = 900
    environment: Mapping[str, str] = field(default_factory=dict)
    architecture: str = "x86_64"
    tags: Mapping[str, str] = field(default_factory=dict)
    reserved_concurrency: int | None = None


def ensure_function(
    client: "LambdaClient", name: str, wanted: LambdaFunction, where: str
) -> tuple[str, tuple[str, ...]]:
    """Creates or updates a function and waits until it can be invoked. Blocks, for minutes if the image is new.

    Returns:
        Its ARN, and the changes in words.

    Raises:
        BadSettings: the existing function does not run an image.
        AccessDenied: the function's tags cannot be read.
        Exception: botocore's errors, untranslated.
    """
    try:
        existing = client.get_function(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        try:
            return _create(client, name, wanted)
        except client.exceptions.ResourceConflictException:  # another process was faster
            existing = client.get_function(FunctionName=name)
    return _update(client, name, wanted, existing, where)


def _create(client: "LambdaClient", name: str, wanted: LambdaFunction) -> tuple[str, tuple[str, ...]]:
    made = client.create_function(
        FunctionName=name,
        PackageType="Image",
        Code={"ImageUri": wanted.image},
        ImageConfig={"Command": list(COMMAND)},
        Role=wanted.role,
        MemorySize=wanted.memory,
        EphemeralStorage={"Size": wanted.storage},
        Timeout=wanted.timeout,
        Environment={"Variables": dict(wanted.environment)},
        Architectures=[wanted.architecture],  # type: ignore[list-item]  # Lambda itself rejects other values
        Tags=dict(wanted.tags),
    )
    _wait(client, "function_active_v2", name)
    changes = ["created"]
    if wanted.reserved_concurrency is not None:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=wanted.reserved_concurrency)
        changes.append(f"reserved concurrency {wanted.reserved_concurrency}")
    return made["FunctionArn"], tuple(changes)


def _update(
    client: "LambdaClient", name: str, wanted: LambdaFunction, existing: "GetFunctionResponseTypeDef", where: str
) -> tuple[str, tuple[str, ...]]:
    configuration = existing["Configuration"]
    if configuration.get("PackageType") != "Image":
        raise BadSettings("the function of that name does not run an image", where=where, remedy="choose another name")
    if wanted.tags and "TagsError" in existing:
        raise AccessDenied("its tags cannot be read", where=where, remedy="allow lambda:ListTags")
    if configuration.get("State") == "Pending":
        _wait(client, "function_active_v2", name)
    if configuration.get("LastUpdateStatus") == "InProgress":
        _wait(client, "function_updated_v2", name)
    settings, changes = differences(wanted, configuration)
    if settings:
        client.update_function_configuration(FunctionName=name, **settings)
        _wait(client, "function_updated_v2", name)
    image, architectures = existing.get("Code", {}).get("ImageUri", ""), configuration.get("Architectures", [])
    if image != wanted.image or architectures != [wanted.architecture]:
        client.update_function_code(
            FunctionName=name,
            ImageUri=wanted.image,
            Architectures=[wanted.architecture],  # type: ignore[list-item]
        )
        _wait(client, "function_updated_v2", name)
        changes.append(
            changed("image", f"{image} ({', '.join(architectures)})", f"{wanted.image} ({wanted.architecture})")
        )
    tags = {key: value for key, value in wanted.tags.items() if existing.get("Tags", {}).get(key) != value}
    if tags:
        client.tag_resource(Resource=configuration["FunctionArn"], Tags=tags)
        changes.append(f"tags {', '.join(sorted(tags))}")
    reserved = existing.get("Concurrency", {}).get("ReservedConcurrentExecutions")
    if wanted.reserved_concurrency is not None and reserved != wanted.reserved_concurrency:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=wanted.reserved_concurrency)
        changes.append(changed("reserved concurrency", reserved or "none", wanted.reserved_concurrency))
    return configuration["FunctionArn"], tuple(changes)


def differences(wanted: LambdaFunction, configuration: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The arguments of UpdateFunctionConfiguration for all settings that differ, and the changes in words."""
    settings: dict[str, Any] = {}
    changes: list[str] = []

    def compare(argument: str, what: str, before: object, after: object, value: object) -> None:
        if before != after:
            settings[argument] = value
            changes.append(changed(what, before, after))

    command = configuration.get("ImageConfigResponse", {}).get("ImageConfig", {}).get("Command", [])
    compare("ImageConfig", "command", command, list(COMMAND), {"Command": list(COMMAND)})
    compare("Role", "role", configuration.get("Role"), wanted.role, wanted.role)
    compare("MemorySize", "memory", f"{configuration.get('MemorySize')} MiB", f"{wanted.memory} MiB", wanted.memory)
    storage = f"{configuration.get('EphemeralStorage', {}).get('Size')} MiB"
    compare("EphemeralStorage", "storage", storage, f"{wanted.storage} MiB", {"Size": wanted.storage})
    compare("Timeout", "timeout", f"{configuration.get('Timeout')} s", f"{wanted.timeout} s", wanted.timeout)
    variables = configuration.get("Environment", {}).get("Variables", {})
    merged = {**variables, **wanted.environment}
    if merged != variables:
        # Values may be secrets: names only.
        settings["Environment"] = {"Variables": merged}
        names = sorted(name for name in merged if merged[name] != variables.get(name))
        changes.append(f"environment {', '.join(names)}")
    return settings, changes


def _wait(client: "LambdaClient", waiter: Any, name: str) -> None:
    client.get_waiter(waiter).wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": WAIT_SECONDS})
