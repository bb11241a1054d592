"""The known RenderTargets, which of them are usable, and their status."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from helios_crds.rendertarget import RenderTargetSpec, RenderTargetStatus
from helios_operator import metrics
from helios_operator.decide.conditions import condition
from helios_operator.kube import paths
from helios_operator.kube.client import ApiError, Client, version
from helios_operator.kube.tombstones import Tombstones
from helios_operator.kube.work_queue import WorkQueue
from helios_operator.model import reasons
from helios_operator.model.config import built_in_targets
from helios_operator.observed import parse

log = structlog.stdlib.get_logger(__name__)
Object = dict[str, Any]
AFTER_ERROR = 5.0
FINAL = frozenset({403, 404, 409})


def read_target(body: Object) -> tuple[RenderTargetSpec | None, str, str]:
    """A RenderTarget's spec, None if it does not match the schema, with the reason and message of a condition."""
    try:
        spec = RenderTargetSpec.model_validate(body.get("spec"))
    except ValidationError as error:
        return (
            None,
            reasons.INVALID_SPEC,
            f"{parse.spec_errors(error)}; no RenderJob can use this target until its spec is corrected",
        )
    return spec, reasons.USABLE, ""


def target_status(body: Object, now: datetime, resting: str = "") -> RenderTargetStatus:
    """The status that a RenderTarget should have; equal to its present status if nothing changes.

    resting: why the target rests; "" if it does not rest.
    """
    try:
        before = RenderTargetStatus.model_validate(body.get("status") or {})
    except ValidationError:
        before = RenderTargetStatus()
    _, reason, message = read_target(body)
    if resting and reason == reasons.USABLE:
        reason, message = reasons.TARGET_RESTING, resting
    usable, generation = reason == reasons.USABLE, body["metadata"].get("generation", 0)
    known = {each.type: each for each in before.conditions}
    stalled = (reason, message) if not usable else (reasons.AS_EXPECTED, "")
    wanted = [
        (reasons.READY, usable, reason, message),
        (reasons.RECONCILING, False, reason, message),
        (reasons.STALLED, not usable, *stalled),
    ]
    conditions = [
        condition(known.get(kind), kind, truth, why, text, generation, now) for kind, truth, why, text in wanted
    ]
    return RenderTargetStatus(observedGeneration=generation, conditions=conditions)


class RenderTargets:
    """The RenderTargets in their last known version. One with an invalid spec is not usable, the built-in one included.

    resting: returns why targets rest, by name. built_in: settings of the built-in target.
    """

    def __init__(
        self,
        client: Client,
        resting: Callable[[], Mapping[str, str]] = dict,
        built_in: RenderTargetSpec | None = None,
    ) -> None:
        self._built_in = built_in_targets(built_in)
        self._client = client
        self._resting = resting
        self._bodies: dict[str, Object] = {}
        self._specs: dict[str, RenderTargetSpec] = {}
        self._departed = Tombstones()
        self._due = WorkQueue()

    def put(self, body: Object) -> bool:
        """Adds or updates a RenderTarget. Returns whether its spec changed, which may affect RenderJobs."""
        name = body["metadata"]["name"]
        known = self._bodies.get(name)
        if body["metadata"]["uid"] in self._departed or (known is not None and version(known) >= version(body)):
            return False
        self._bodies[name] = body
        self._due.add(name)
        if known is not None and known.get("spec") == body.get("spec"):
            return False
        spec, _, message = read_target(body)
        if spec is None:
            log.warning("the spec of a RenderTarget is invalid", target=name, error=message)
            self._specs.pop(name, None)
        else:
            self._specs[name] = spec
        return True

    def drop(self, name: str, uid: str) -> bool:
        """Drops a deleted RenderTarget, unless another one has its name now. Returns whether it was dropped."""
        self._departed.add(uid)
        known = self._bodies.get(name)
        if known is None or known["metadata"]["uid"] != uid:
            return False
        self._specs.pop(name, None)
        del self._bodies[name]
        return True

    def keep(self, uids: Collection[str], at: int) -> bool:
        """Drops RenderTargets that a complete list lacks, unless they are newer. Returns whether any was dropped."""
        metas = [body["metadata"] for body in self._bodies.values() if version(body) <= at]
        gone = [meta for meta in metas if meta["uid"] not in uids]
        for meta in gone:
            self.drop(meta["name"], meta["uid"])
        return bool(gone)

    def resting_changed(self, name: str) -> None:
        """Called when a target may have started or stopped resting; its status is written if so."""
        if name in self._bodies:
            self._due.add(name)

    def usable(self) -> Mapping[str, RenderTargetSpec]:
        """Valid specs by name. A RenderTarget named like the built-in target replaces it, even with an invalid spec."""
        built_in = {name: spec for name, spec in self._built_in.items() if name not in self._bodies}
        return {**built_in, **self._specs}

    async def run(self) -> None:
        """Writes the status of RenderTargets until it is cancelled."""
        while True:
            name = await self._due.take()
            try:
                await self._write(name)
            except ApiError as error:
                metrics.API_ERRORS.labels(error.status or error.reason).inc()
                log.info("a RenderTarget's status was not written", target=name, error=str(error))
                # No retry without the permission, as for an operator of one namespace, or if a newer version exists.
                if error.status not in FINAL:
                    self._due.add(name, AFTER_ERROR)
            except Exception:
                log.exception("a RenderTarget's status was not written", target=name)
            finally:
                self._due.done(name)

    async def _write(self, name: str) -> None:
        body = self._bodies.get(name)
        if body is None:
            return
        resting = self._resting().get(name, "")
        wanted = target_status(body, self._client.now, resting).model_dump(mode="json")
        if wanted == _normal(body.get("status")):
            return
        meta = {key: body["metadata"][key] for key in ("resourceVersion", "uid")}
        self.put(await self._client.patch(f"{paths.TARGETS}/{name}/status", {"metadata": meta, "status": wanted}))


def _normal(status: Any) -> Any:
    """A status in the form that we write; None if it is not valid."""
    try:
        return RenderTargetStatus.model_validate(status).model_dump(mode="json")
    except ValidationError:
        return None
