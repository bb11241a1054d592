"""The controller's sources of Jobs and pods."""

from collections.abc import Callable

from helios_operator.control.controller import Controller
from helios_operator.kube import paths
from helios_operator.kube.client import Client, Object
from helios_operator.kube.reflector import Reflector
from helios_operator.manifests.names import SELECTOR


def watch_jobs(client: Client, controller: Controller, namespace: str, on_gap: Callable[[], None]) -> Reflector:
    """A reflector that keeps the controller's Jobs up to date."""
    children, queue = controller.children, controller.queue

    def on_listed(uids: set[str], at: int) -> None:
        for owner in children.keep_jobs(uids, at):
            queue.add(owner)

    def on_event(kind: str, body: Object) -> None:
        gone = kind == "DELETED"
        owner = children.drop_job(body["metadata"]["uid"]) if gone else children.put_job(body)
        if owner is not None:
            queue.add(owner)

    return Reflector(client, paths.jobs(namespace), SELECTOR, on_event, on_listed, on_gap)


def watch_pods(client: Client, controller: Controller, namespace: str) -> Reflector:
    """A reflector that keeps the controller's pods up to date."""
    children, queue = controller.children, controller.queue

    def on_listed(uids: set[str], at: int) -> None:
        for owner in children.keep_pods(uids):
            queue.add(owner)

    def on_event(kind: str, body: Object) -> None:
        owner = children.drop_pod(body) if kind == "DELETED" else children.put_pod(body)
        if owner is not None:
            queue.add(owner)

    return Reflector(client, paths.core("pods", namespace), SELECTOR, on_event, on_listed)
