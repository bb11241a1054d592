"""`heliosctl deploy`: the worker's image as a function, a service or a job in a cloud account."""

import re
from collections.abc import Mapping
from typing import Annotated, TypeVar

import typer

from helios_adapters import (
    CloudAdapter,
    CloudRunAdapter,
    CloudRunConfig,
    CloudRunJobAdapter,
    CloudRunJobConfig,
    CloudRunService,
    Deployment,
    LambdaAdapter,
    LambdaConfig,
    LambdaFunction,
)
from helios_crds.base import API_VERSION
from helios_worker.errors import UserError
from heliosctl.arguments.command import Commands
from heliosctl.arguments.options import ReportingOptions, takes
from heliosctl.arguments.times import whole_waiting
from heliosctl.terminal import interrupt
from heliosctl.terminal.report import print_json, print_labelled, stderr, stdout

ConfigT = TypeVar("ConfigT")

deploy = Commands()
FUNCTION = LambdaFunction("", "")
SERVICE = CloudRunService("")

NAME = typer.Argument(help="Name of the function, service or job in the cloud.", show_default=False, metavar="NAME")
ENV = typer.Option("--env", help="Environment variable of the workers; repeatable.", metavar="NAME=VALUE")
ALLOWED = "HELIOS_ALLOWED_STORES"
STORE = typer.Option(
    "--allow-store",
    help="Store that workers may read and write with their own rights, such as s3://media/; repeatable.",
    metavar="URL",
    show_default="none, so that workers refuse every render",
)
TIMEOUT = typer.Option(
    "--timeout", help="How long a chunk may take: 900 or 15m.", metavar="TIME", parser=whole_waiting("--timeout")
)
TAG = typer.Option("--tag", help="Tag of the function; repeatable.", metavar="NAME=VALUE")


@deploy.callback()
def about() -> None:
    """Deploy the worker's image to a cloud, or update an existing deployment."""


@deploy.command("lambda")
@takes(reporting=ReportingOptions)
def deploy_lambda(
    name: Annotated[str, NAME],
    image: Annotated[str, typer.Option("--image", help="Worker image in ECR, in the function's region.")],
    role: Annotated[str, typer.Option("--role", help="ARN of the role that workers run as.")],
    reporting: ReportingOptions,
    region: Annotated[
        str | None, typer.Option("--region", help="Region of the function.", show_default="from your AWS configuration")
    ] = None,
    memory: Annotated[
        int, typer.Option("--memory", help="Memory in MiB; Lambda adds a processor for each 1769.")
    ] = FUNCTION.memory,
    storage: Annotated[int, typer.Option("--storage", help="Size of /tmp in MiB.")] = FUNCTION.storage,
    timeout: Annotated[int, TIMEOUT] = FUNCTION.timeout,
    architecture: Annotated[
        str, typer.Option("--architecture", help="Architecture of the image: x86_64 or arm64.")
    ] = FUNCTION.architecture,
    env: Annotated[list[str] | None, ENV] = None,
    stores: Annotated[list[str] | None, STORE] = None,
    tag: Annotated[list[str] | None, TAG] = None,
    reserved_concurrency: Annotated[
        int | None,
        typer.Option(
            "--reserved-concurrency",
            help="Reserve this many of the account's concurrent invocations for the function.",
            min=1,
        ),
    ] = None,
    slots: Annotated[
        int, typer.Option("--max-concurrent", help="Most chunks at once, as the RenderTarget's maxConcurrent.", min=1)
    ] = 100,
) -> None:
    """Create or update an AWS Lambda function: heliosctl deploy lambda helios-worker --image … --role …."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise UserError(f"{name!r} is not a valid function name", remedy="use letters, digits, - and _")
    function = LambdaFunction(
        image=image,
        role=role,
        memory=memory,
        storage=storage,
        timeout=timeout,
        environment=environment(env, stores),
        architecture=architecture,
        tags=pairs(tag, "--tag"),
        reserved_concurrency=reserved_concurrency,
    )
    done = _deployed(
        LambdaAdapter(),
        LambdaConfig(name, region, slots=slots, function=function),
        f"Deploying the Lambda function {name}; a new image takes a minute or two.",
    )
    found = done.address.split(":")[3]
    spec = {"lambda": {"functionName": name, "region": found}}
    manifest = target_yaml(name, spec, slots, stores)
    _note_stores(function.environment)
    _print_deployed(done, name, manifest, f"--target lambda={name}@{found}:{slots}", reporting)


@deploy.command("cloud-run")
@takes(reporting=ReportingOptions)
def deploy_cloud_run(
    name: Annotated[str, NAME],
    image: Annotated[str, typer.Option("--image", help="Worker image in Artifact Registry.")],
    region: Annotated[str, typer.Option("--region", help="Region, such as europe-west1.")],
    project: Annotated[str, typer.Option("--project", help="Project ID.", envvar="GOOGLE_CLOUD_PROJECT")],
    reporting: ReportingOptions,
    account: Annotated[
        str,
        typer.Option(
            "--service-account", help="Service account that workers run as.", show_default="the project's default"
        ),
    ] = SERVICE.service_account,
    cpu: Annotated[str, typer.Option("--cpu", help="Processors per instance.")] = SERVICE.cpu,
    memory: Annotated[
        str, typer.Option("--memory", help="Memory per instance, which includes files in /tmp.")
    ] = SERVICE.memory,
    timeout: Annotated[int, TIMEOUT] = SERVICE.timeout,
    concurrency: Annotated[
        int, typer.Option("--concurrency", help="Chunks at once per instance.", min=1)
    ] = SERVICE.concurrency,
    minimum: Annotated[int, typer.Option("--min-instances", help="Instances kept ready.", min=0)] = SERVICE.minimum,
    maximum: Annotated[int, typer.Option("--max-instances", help="Most instances at once.", min=1)] = SERVICE.maximum,
    env: Annotated[list[str] | None, ENV] = None,
    stores: Annotated[list[str] | None, STORE] = None,
    is_job: Annotated[
        bool,
        typer.Option(
            "--job", help="Deploy a job instead of a service: one execution per chunk, for the operator only."
        ),
    ] = False,
) -> None:
    """Create or update a Cloud Run service or job: heliosctl deploy cloud-run helios-worker --image … …."""
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", name):
        raise UserError(
            f"{name!r} is not a valid service name",
            remedy="use at most 49 lower-case letters, digits and -, starting with a letter",
        )
    wanted = CloudRunService(
        image=image,
        cpu=cpu,
        memory=memory,
        timeout=timeout,
        service_account=account,
        environment=environment(env, stores),
        concurrency=concurrency,
        minimum=minimum,
        maximum=maximum,
    )
    if is_job and (concurrency, minimum) != (SERVICE.concurrency, SERVICE.minimum):
        raise UserError(
            "--concurrency and --min-instances would be ignored: a job runs one execution per chunk, and keeps none",
            remedy="leave them out, or deploy a service without --job",
        )
    kind = "job" if is_job else "service"
    slots = maximum if is_job else maximum * concurrency
    line = f"Deploying the Cloud Run {kind} {name}; a new image takes a minute."
    if is_job:
        job = CloudRunJobConfig(name, region, project, slots=slots, job=wanted)
        done = _deployed(CloudRunJobAdapter(), job, line)
    else:
        service = CloudRunConfig(name=name, region=region, project=project, slots=slots, service=wanted)
        done = _deployed(CloudRunAdapter(), service, line)
    spec = {"cloudRun": {kind: name, "region": region, "project": project}}
    manifest = target_yaml(name, spec, slots, stores)
    _note_stores({ALLOWED: ""} if is_job else wanted.environment)
    _print_deployed(done, name, manifest, "" if is_job else f"--target cloud-run={done.address}:{slots}", reporting)


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """The values of a repeatable NAME=VALUE option, by name.

    Raises:
        UserError: one has no name, or no =.
    """
    found = {}
    for text in given or []:
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise UserError(f"{option} {text} has no value", remedy=f"write {option} NAME=VALUE")
        found[name] = value
    return found


def environment(env: list[str] | None, stores: list[str] | None) -> dict[str, str]:
    """The workers' environment: --env, and the stores of --allow-store."""
    allowed = {ALLOWED: ",".join(stores)} if stores else {}
    return {**allowed, **pairs(env, "--env")}


def target_yaml(name: str, spec: dict[str, dict[str, str]], slots: int, stores: list[str] | None = None) -> str:
    """A RenderTarget for the deployment, ready for kubectl apply."""
    (kind, facts), *_ = spec.items()
    lines = [
        f"apiVersion: {API_VERSION}",
        "kind: RenderTarget",
        "metadata:",
        f'  name: "{name.lower().replace("_", "-").strip("-")}"',  # quoted, for a name may look like a number
        "spec:",
        f"  {kind}:",
        *(f'    {key}: "{value}"' for key, value in facts.items()),
        f"  maxConcurrent: {slots}",
        *(["  allowedStores:", *(f'    - "{store}"' for store in stores)] if stores else []),
    ]
    return "\n".join(lines)


def _deployed(adapter: CloudAdapter[ConfigT], config: ConfigT, line: str) -> Deployment:
    """Brings a target to what its config says. line: shown while that takes its time."""

    async def deploy() -> Deployment:
        try:
            return await adapter.deploy(config)
        finally:
            await adapter.close()

    stderr().print(line, markup=False, soft_wrap=True)
    return interrupt.run(deploy())


def _note_stores(given: Mapping[str, str]) -> None:
    """Whoever may invoke a worker uses its rights, so one that was told of no store refuses every store."""
    if ALLOWED not in given:
        line = "no --allow-store was given: unless an earlier deployment did, the workers refuse every render"
        print_labelled(stderr(), "Note", line)


def _print_deployed(done: Deployment, name: str, manifest: str, target: str, reporting: ReportingOptions) -> None:
    if reporting.as_json:
        print_json(
            {
                "name": name,
                "address": done.address,
                "changes": list(done.changes),
                "renderTarget": manifest,
                "target": target.removeprefix("--target "),
            }
        )
        return
    console = stdout()
    changes = done.changes or ("no changes",)
    for line in (f"{done.address}:", *(f"  {change}" for change in changes)):
        console.print(line, markup=False, soft_wrap=True)
    console.print(
        f"\nTo use it from a cluster, pass this to kubectl apply -f:\n\n{manifest}", markup=False, soft_wrap=True
    )
    if target:
        line = f"\nTo use it from this machine:\n\nheliosctl render SOURCE -o out.mp4 --artifacts BUCKET_URL {target}"
        console.print(line, markup=False, soft_wrap=True)
