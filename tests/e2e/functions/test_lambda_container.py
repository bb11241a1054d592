"""The real image as AWS Lambda runs it: AWS' runtime client against the Runtime API, where little is allowed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

from tests.clouds.runtime_api import RuntimeApi
from tests.cluster.engine import Engine
from tests.e2e.containers import eventually
from tests.e2e.functions.container import CHUNK, FRAMES, Container, ask_for, container, shows_every_frame
from tests.integration.entrypoints.functions import parts

# A user that the image does not know, no /dev/shm at all, and /tmp in memory as the one folder to write to.
LAMBDA = ["--user=993:990", "--ipc=none"]

# Control groups of version 1 and 2.
OOM_COUNTS = "/sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events"


@contextmanager
def function(
    engine: Engine, image: str, s3: dict[str, str], *, memory: str = "1g", tmp: str = "256m"
) -> Iterator[tuple[Container, RuntimeApi]]:
    options = [*LAMBDA, f"--memory={memory}", f"--memory-swap={memory}", f"--tmpfs=/tmp:size={tmp},mode=1777"]
    with (
        RuntimeApi() as api,
        container(engine, image, options, "lambda", AWS_LAMBDA_RUNTIME_API=api.address, **s3) as found,
    ):
        yield found, api


def done(api: RuntimeApi, **payload: Any) -> dict[str, Any]:
    """The result of a stage that must succeed."""
    status, body = parts(api.invoke(payload, seconds=120))
    assert (status, body["exitCode"]) == (200, 0), body
    result: dict[str, Any] = body["result"]
    return result


def test_a_film_frozen_between_and_in_its_stages(engine, image, s3, store, pages, tmp_path):
    with function(engine, image, s3) as (lambda_, api):
        planned = done(api, jobPath=ask_for(store, "film", f"{pages}/index.html"), stage="plan")
        assert (planned["frames"], planned["chunks"]) == (FRAMES, FRAMES // CHUNK)
        before = lambda_.browsers()
        assert before
        job = planned["jobPath"]
        with lambda_.frozen():
            sleep(1)  # nobody calls
        for index in (1, 0):
            done(api, jobPath=job, chunkIndex=index)
        done(api, jobPath=job, stage="stitch")
        shows_every_frame(store, "film.mp4", tmp_path)
        # Its chunk takes 6 s here: each look into the container takes a part of one.
        slow = ask_for(store, "slow", f"{pages}/slow.html", video={"frames": 240}, chunking={"count": 1})
        job = done(api, jobPath=slow, stage="plan")["jobPath"]
        chunk = "ls -d /tmp/helios-worker-*/helios-chunk-* || true"
        waiting = api.begin({"jobPath": job, "chunkIndex": 0}, seconds=120)
        eventually(lambda: lambda_.sh(chunk), "the chunk to begin")
        with lambda_.frozen():
            sleep(1)  # in its middle
        assert lambda_.sh(chunk), "it had ended before the frost"
        assert parts(waiting())[1]["exitCode"] == 0
        done(api, jobPath=job, stage="stitch")
        shows_every_frame(store, "slow.mp4", tmp_path, range(240))
        assert before <= lambda_.browsers(), "the browser outlived the frost"
        assert lambda_.sh("ls /tmp/helios-worker-*/ | grep -c -e helios-chunk -e helios-stitch || true") == "0"


def test_conditions_are_what_they_are_said_to_be(engine, image, s3):
    with function(engine, image, s3) as (lambda_, api):
        assert parts(api.invoke(None))[0] == 400
        assert lambda_.sh("id -u; id -g").split() == ["993", "990"]
        assert lambda_.sh("test -e /dev/shm || echo none") == "none"
        assert lambda_.sh("touch /opt/x 2>&1 || true").endswith("Read-only file system")
        assert "Tini is not running as PID 1" not in lambda_.said


def test_a_page_that_eats_all_memory_costs_its_browser_only(engine, image, s3, store, pages):
    with function(engine, image, s3, memory="400m") as (lambda_, api):
        glutton = ask_for(store, "glutton", f"{pages}/glutton.html", video={"frames": 24})
        status, body = parts(api.invoke({"jobPath": glutton, "stage": "plan"}, seconds=120))
        assert (status, body["exitCode"]) == (500, 1), body
        assert "the page's process crashed (out of memory?)" in body["stderr"]
        assert re.search(r"oom_kill [1-9]", lambda_.sh(f"cat {OOM_COUNTS} 2>/dev/null || true")), "its limit was real"
        planned = done(api, jobPath=ask_for(store, "film", f"{pages}/index.html"), stage="plan")
        done(api, jobPath=planned["jobPath"], chunkIndex=0)
        assert lambda_.state()[0] == "running"


def test_a_tmp_that_is_full_is_said_and_got_over(engine, image, s3, store, pages):
    with function(engine, image, s3, tmp="64m") as (lambda_, api):
        job = done(api, jobPath=ask_for(store, "film", f"{pages}/index.html"), stage="plan")["jobPath"]
        lambda_.sh("head -c 64m /dev/zero > /tmp/stuffing 2>/dev/null || true")
        status, body = parts(api.invoke({"jobPath": job, "chunkIndex": 0}, seconds=120))
        assert (status, body["exitCode"]) == (500, 75), body
        assert re.search("the disk is full|No space left on device", body["stderr"]), "by whoever found out first"
        lambda_.sh("rm /tmp/stuffing")
        done(api, jobPath=job, chunkIndex=0)


def test_a_chunk_that_would_outlast_the_function_is_answered_before(engine, image, s3, store, pages):
    with function(engine, image, s3) as (_, api):
        long = ask_for(store, "long", f"{pages}/index.html", video={"frames": 9000}, chunking={"count": 1})
        job = done(api, jobPath=long, stage="plan")["jobPath"]
        status, body = parts(api.invoke({"jobPath": job, "chunkIndex": 0}, seconds=6))
        assert (status, body["exitCode"]) == (500, 75)
        assert "chunk 0 was not done in the 4 s it had" in body["stderr"]
        planned = done(api, jobPath=ask_for(store, "film", f"{pages}/index.html"), stage="plan")
        done(api, jobPath=planned["jobPath"], chunkIndex=0)
