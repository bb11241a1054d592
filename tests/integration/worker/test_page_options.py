"""What a page waits for before its film begins, and options that only a browser can check."""

from __future__ import annotations

import pytest

from helios_crds.wire import ExitCode
from tests.integration.worker.project import Project

LATE = """<script>
  let shown = 0;
  setTimeout(() => { document.body.innerHTML = '<p id="chart" hidden></p>'; shown = performance.now(); }, 5000);
  requestAnimationFrame(function step(now) {
    if (now > 1 && !document.querySelector("#chart")) throw new Error("the film began without it");
    if (shown > 0.001) throw new Error(`its time was ${shown}`);
    requestAnimationFrame(step);
  });
</script>"""


def test_the_film_begins_when_the_element_is_there(project: Project):
    """It need not be visible: a film often begins with hidden elements, and its time stands at 0 meanwhile."""
    project.plan(LATE, composition={"waitFor": "#chart"})
    assert project.job.ours.film.waitFor == "#chart"
    assert {result["frames"] for result in project.chunks()} == {6}


def test_an_element_of_a_frame_is_none_of_the_page(project: Project):
    body = "<iframe srcdoc='<p id=chart></p>'></iframe>" + LATE
    project.plan(body, composition={"waitFor": "#chart"})


def test_an_element_that_never_comes_is_named(project: Project):
    reply = project.try_plan("<p id=chart></p>", composition={"waitFor": "#chart.drawn"}, frameTimeout=1)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "loading was not ready after 1 s: waiting for an element that matches #chart.drawn" in reply.stderr


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        pytest.param("waitFor", "#", "'#' is no CSS selector; give composition.waitFor one such as", id="selector"),
        pytest.param("locale", "xq-XQ", "the browser knows no language xq-XQ; give composition.locale", id="locale"),
    ],
)
def test_what_only_a_browser_can_check(project: Project, option: str, value: str, says: str):
    reply = project.try_plan("<p>", composition={option: value})
    assert reply.exitCode == ExitCode.USER_ERROR
    assert says in reply.stderr
