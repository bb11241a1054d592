"""`python -m helios_operator`: the operator, in a cluster, or outside of it with a kubeconfig."""

import argparse
import asyncio
import logging
import os
import sys

import kopf
from pydantic import ValidationError

from helios_crds.rendertarget import RenderTargetSpec
from helios_operator.app import logs
from helios_operator.app.handlers import Setup, register
from helios_operator.model.config import Config, Store
from helios_operator.observed.parse import spec_errors

NESTING = 30_000
"""The recursion limit. The API server accepts props that nest 10,000 deep: with Python's default limit of 1,000, one
such RenderJob would crash the operator again and again."""


def main(arguments: list[str] | None = None) -> int:
    """Runs until a signal stops it. Returns the exit code."""
    sys.setrecursionlimit(NESTING)
    options = _parser().parse_args(arguments)
    logs.configure(options.log_format)
    store = Store(
        url=options.artifacts,
        claim=options.claim,
        access_mode=options.access_mode,
        size=options.claim_size,
        storage_class=options.storage_class,
    )
    config = Config(
        operator="/".join(options.lease or ()),
        image=options.image,
        image_pull_policy=options.image_pull_policy,
        store=store,
        built_in=options.built_in,
    )
    setup = Setup(options.namespace, options.lease, options.metrics_port)
    return asyncio.run(operate(config, setup, options.liveness))


async def operate(config: Config, setup: Setup, liveness: str | None) -> int:
    """Runs kopf with our handlers. Returns 1 if the controller failed."""
    stop, failures = asyncio.Event(), list[BaseException]()

    def fail(error: BaseException) -> None:
        logging.getLogger(__name__).error("the controller failed", exc_info=error)
        failures.append(error)
        stop.set()

    registry = kopf.OperatorRegistry()
    register(registry, config, setup, fail)
    await kopf.operator(
        registry=registry,
        standalone=True,
        clusterwide=not setup.namespace,
        namespaces=[setup.namespace] if setup.namespace else [],
        liveness_endpoint=liveness,
        stop_flag=stop,
    )
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="helios_operator", description="Renders RenderJobs.")
    default = Store()
    parser.add_argument(
        "--image", default=os.environ.get("HELIOS_WORKER_IMAGE", Config.image), help="image of the worker"
    )
    parser.add_argument(
        "--image-pull-policy",
        default=Config.image_pull_policy,
        choices=["Always", "IfNotPresent", "Never"],
        help="pull policy of the worker's image",
    )
    parser.add_argument("--namespace", default="", help="the only namespace to watch (default: all)")
    parser.add_argument("--artifacts", default=default.url, help="URL of the artifact store")
    parser.add_argument(
        "--claim", default=default.claim, help="claim that holds the artifacts; '' if they are in a bucket"
    )
    parser.add_argument("--claim-size", default=default.size, help="size of a claim that the operator creates")
    parser.add_argument("--access-mode", default=default.access_mode, help="its access mode")
    parser.add_argument("--storage-class", default=default.storage_class, help="its storage class")
    parser.add_argument(
        "--built-in", type=_target, default=None, help="spec of the built-in target kubernetes, as of a RenderTarget"
    )
    parser.add_argument("--liveness", default=None, help="address of the health endpoint, such as http://0.0.0.0:8080/")
    parser.add_argument("--lease", type=_lease, default=None, help="NAMESPACE/NAME of the Lease to hold")
    parser.add_argument("--metrics-port", type=int, default=0, help="port for Prometheus (default: none)")
    parser.add_argument("--log-format", default="json", choices=["json", "text"])
    return parser


def _target(text: str) -> RenderTargetSpec:
    try:
        spec = RenderTargetSpec.model_validate_json(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(spec_errors(error)) from None
    if spec.is_offload:
        raise argparse.ArgumentTypeError("the built-in target needs a field kubernetes, which may be {}")
    return spec


def _lease(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name):
        raise argparse.ArgumentTypeError(f"{text} is not NAMESPACE/NAME")
    return namespace, name


if __name__ == "__main__":
    sys.exit(main())
