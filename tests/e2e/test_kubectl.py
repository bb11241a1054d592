"""What kubectl makes of RenderJobs by itself: explains, lists, selects, and waits for them."""

import subprocess

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.films import render_job


def test_fields_are_explained(cluster: Cluster, operator: None):
    told = " ".join(cluster.kubectl("explain", "renderjob.spec.video").split())
    assert "DESCRIPTION: Size, rate, length and encoding of the picture. FIELDS:" in told
    assert 'fps <Object> Frames per second, exact: 30, or a fraction in quotes such as "30000/1001" for 29.97.' in told


def test_render_jobs_are_listed_and_selected(cluster: Cluster, operator: None, namespace: str):
    cluster.apply(*(render_job(namespace, name, suspend=True) for name in ("teaser", "trailer")))
    for name in ("teaser", "trailer"):
        cluster.kubectl("wait", "-n", namespace, "--for=condition=Suspended", f"renderjob/{name}", "--timeout=30s")

    def listed(*arguments: str) -> list[str]:
        return cluster.kubectl("get", *arguments, "-n", namespace, "-o", "name").split()

    both = [f"renderjob.helios.video/{name}" for name in ("teaser", "trailer")]
    assert listed("rj") == both
    assert [name for name in listed("all") if name.startswith("renderjob")] == both
    assert listed("renderjobs", "--field-selector=spec.suspend=true") == both
    assert listed("renderjobs", "--field-selector=status.phase=Suspended") == both
    assert listed("renderjobs", "--field-selector=spec.suspend=false") == []
    with pytest.raises(subprocess.CalledProcessError):
        listed("renderjobs", "--field-selector=spec.seed=1")
