"""What the plan makes of compositions of HyperFrames: lengths that nothing declares, and what it warns of."""

import pytest

from helios_crds.wire import ExitCode
from tests.integration.worker.project import Project

CLIP = "<div {} style='background:#fc0;inset:0'></div>"
TIMELINE = "<script>window.__timelines.film = { seek() {}, duration: () => 1.2 };</script>"
ANIMATED = "<style>@keyframes go { to { opacity: 0 } }</style><p style='animation: go 1s linear both'>x</p>"


def film(content: str, attributes: str = "") -> str:
    """A composition. Its own length comes before the page's."""
    return f"<div data-composition-id=film data-width=160 data-height=90 {attributes}>{content}</div>"


@pytest.mark.parametrize(
    ("content", "frames"),
    [
        pytest.param(TIMELINE, 36, id="its timeline"),
        pytest.param(
            CLIP.format("data-start=0 data-duration=1") + CLIP.format("data-start=1 data-end=1.5"), 45, id="clips"
        ),
        pytest.param(ANIMATED, 30, id="an animation"),
        pytest.param(
            f"<div data-composition-id=inner data-start=0.5>{CLIP.format('data-start=0.5 data-duration=0.5')}</div>",
            45,
            id="a nested clip",
        ),
        pytest.param(ANIMATED.replace("1s linear", "1s linear infinite") + TIMELINE, 36, id="not what never ends"),
    ],
)
def test_a_film_ends_with_what_it_shows(project: Project, content: str, frames: int):
    project.plan(film(content), frames=0)
    assert project.job.ours.film.frames == frames


def test_what_is_never_shown(project: Project):
    content = (
        CLIP.format("id=late data-start=9 data-duration=1")
        + CLIP.format("id=shown data-start=0 data-duration=1")
        + f"<div data-start=0 data-end=0.2>{CLIP.format('id=apart data-start=0.5 data-duration=1')}</div>"
    )
    planned = project.plan(film(content, "data-duration=1"), composition={"seeking": "Auto"})
    warnings = " ".join(planned["warnings"])
    assert '<div id="late" data-start="9"> is never shown: it begins at 9 s, and the film ends at 1 s' in warnings
    assert (
        '<div id="apart" data-start="0.5"> is never shown: its time and that of what it lies in do not meet' in warnings
    )
    assert 'id="shown"' not in warnings


def test_a_nested_composition_whose_file_is_not_there(project: Project):
    reply = project.try_plan(film("<div data-composition-id=part data-composition-src=part.html data-start=0></div>"))
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "part.html not found (404)" in reply.stderr
