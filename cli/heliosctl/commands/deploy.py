"""`heliosctl deploy`: the worker's image as a function, a service or a job in a cloud account."""

import re
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
from heliosctl.arguments.options import SaidOptions, takes
from heliosctl.terminal import interrupt
from heliosctl.terminal.report import print_json, stderr, stdout

ConfigT = TypeVar("ConfigT")

deploy = typer.Typer(no_args_is_help=True)
FUNCTION = LambdaFunction("", "")
SERVICE = CloudRunService("")

NAME = typer.Argument(help="What it is called there.", show_default=False)
ENV = typer.Option("--env", help="A variable of the workers' environment; may be given again.", metavar="NAME=VALUE")
ALLOWED = "HELIOS_ALLOWED_STORES"
STORE = typer.Option(
    "--allow-store",
    help="What workers may read and write with their rights, such as s3://media/; may be given again.",
    metavar="URL",
    show_default="any that their role or account may",
)
TAG = typer.Option("--tag", help="A tag of the function; may be given again.", metavar="NAME=VALUE")


@deploy.callback()
def about() -> None:
    """Make the worker's image ready to be called in a cloud, or bring what is there to what is asked for."""


@deploy.command("lambda")
@takes(said=SaidOptions)
def deploy_lambda(
    name: Annotated[str, NAME],
    image: Annotated[str, typer.Option("--image", help="The worker's image in ECR, in the function's region.")],
    role: Annotated[str, typer.Option("--role", help="ARN of the role that workers have.")],
    said: SaidOptions,
    region: Annotated[str | None, typer.Option("--region", show_default="of your AWS configuration")] = None,
    memory: Annotated[int, typer.Option("--memory", help="MiB; a processor for each 1769.")] = FUNCTION.memory,
    storage: Annotated[int, typer.Option("--storage", help="MiB of /tmp.")] = FUNCTION.storage,
    timeout: Annotated[int, typer.Option("--timeout", help="Seconds that a chunk may take.")] = FUNCTION.timeout,
    architecture: Annotated[
        str, typer.Option("--architecture", help="Of the image: x86_64 or arm64.")
    ] = FUNCTION.architecture,
    env: Annotated[list[str] | None, ENV] = None,
    stores: Annotated[list[str] | None, STORE] = None,
    tag: Annotated[list[str] | None, TAG] = None,
    reserved_concurrency: Annotated[
        int | None,
        typer.Option("--reserved-concurrency", help="So many of the account's invocations for it alone.", min=1),
    ] = None,
    slots: Annotated[int, typer.Option("--max-concurrent", help="Chunks at once, in the RenderTarget.", min=1)] = 100,
) -> None:
    """Make or update an AWS Lambda function: heliosctl deploy lambda helios-worker --image … --role …."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise UserError(f"{name} is no name for a function", remedy="take letters, digits, - and _")
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
    _tell(done, name, manifest, f"--target lambda={name}@{found}:{slots}", said)


@deploy.command("cloud-run")
@takes(said=SaidOptions)
def deploy_cloud_run(
    name: Annotated[str, NAME],
    image: Annotated[str, typer.Option("--image", help="The worker's image in Artifact Registry.")],
    region: Annotated[str, typer.Option("--region", help="Such as europe-west1.")],
    project: Annotated[str, typer.Option("--project", help="ID of the project.", envvar="GOOGLE_CLOUD_PROJECT")],
    said: SaidOptions,
    account: Annotated[
        str, typer.Option("--service-account", help="Whose rights workers have.", show_default="the project's default")
    ] = SERVICE.service_account,
    cpu: Annotated[str, typer.Option("--cpu", help="Processors of an instance.")] = SERVICE.cpu,
    memory: Annotated[
        str, typer.Option("--memory", help="Of an instance; files in /tmp are a part of it.")
    ] = SERVICE.memory,
    timeout: Annotated[int, typer.Option("--timeout", help="Seconds that a chunk may take.")] = SERVICE.timeout,
    concurrency: Annotated[
        int, typer.Option("--concurrency", help="Chunks at once in an instance.", min=1)
    ] = SERVICE.concurrency,
    minimum: Annotated[int, typer.Option("--min-instances", help="Instances kept ready.", min=0)] = SERVICE.minimum,
    maximum: Annotated[int, typer.Option("--max-instances", help="Instances at most.", min=1)] = SERVICE.maximum,
    env: Annotated[list[str] | None, ENV] = None,
    stores: Annotated[list[str] | None, STORE] = None,
    is_job: Annotated[
        bool, typer.Option("--job", help="A job with one execution for each chunk, for the operator, not a service.")
    ] = False,
) -> None:
    """Make or update a Cloud Run service, or a job: heliosctl deploy cloud-run helios-worker --image … …."""
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", name):
        raise UserError(f"{name} is no name for a service", remedy="take at most 49 lower-case letters, digits and -")
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
    _tell(done, name, manifest, "" if is_job else f"--target cloud-run={done.address}:{slots}", said)


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """NAME=VALUE, any number of them.

    Raises:
        UserError: one has no name, or no =.
    """
    found = {}
    for text in given or []:
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise UserError(f"{option} {text} gives no value", remedy=f"write {option} NAME=VALUE")
        found[name] = value
    return found


def environment(env: list[str] | None, stores: list[str] | None) -> dict[str, str]:
    """The workers' environment: what --env says, and which stores they may use."""
    allowed = {ALLOWED: ",".join(stores)} if stores else {}
    return {**allowed, **pairs(env, "--env")}


def target_yaml(name: str, spec: dict[str, dict[str, str]], slots: int, stores: list[str] | None = None) -> str:
    """The RenderTarget of a deployment, to be applied to a cluster."""
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


def _tell(done: Deployment, name: str, manifest: str, target: str, said: SaidOptions) -> None:
    if said.as_json:
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
    changes = done.changes or ("nothing to change",)
    for line in (f"{done.address}:", *(f"  {change}" for change in changes)):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"\nFor a cluster, kubectl apply -f this:\n\n{manifest}", markup=False, soft_wrap=True)
    if target:
        line = f"\nFrom here: heliosctl render SOURCE -o out.mp4 --artifacts URL_OF_A_BUCKET {target}"
        console.print(line, markup=False, soft_wrap=True)
