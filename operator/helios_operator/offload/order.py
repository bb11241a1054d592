"""The order for an attempt on a target outside of the cluster: payload and time limit."""

import json
from dataclasses import dataclass
from datetime import timedelta

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Payload, Stage
from helios_operator.manifests.job import time_limit
from helios_operator.manifests.request import request_text, request_url
from helios_operator.model.config import Config
from helios_operator.model.decision import StartAttempt
from helios_operator.model.observation import ObservedJob, Places


@dataclass(frozen=True)
class Order:
    """An invocation to make. limit: the time after which the attempt counts as failed."""

    spec: RenderTargetSpec
    payload: Payload
    limit: timedelta


def order(job: ObservedJob, start: StartAttempt, target: RenderTargetSpec, places: Places, config: Config) -> Order:
    """The order for an attempt. For a plan, the payload contains the request, since no pod can mount it."""
    stage = start.work.stage
    if stage is Stage.PLAN:
        request = json.loads(request_text(job, places))
        payload = Payload(jobPath=request_url(job, places), stage=stage, attempt=start.number, request=request)
    else:
        assert job.status.plan is not None
        path = job.status.plan.jobPath
        payload = Payload(jobPath=path, chunkIndex=start.work.chunk, stage=stage, attempt=start.number)
    return Order(target, payload, time_limit(job, stage, config))
