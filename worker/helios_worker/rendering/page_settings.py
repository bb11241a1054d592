"""How a page is opened for a job."""

from helios_worker.capture.page.settings import PageSettings
from helios_worker.jobs.spec import FilmSpec


def page_settings(film: FilmSpec, frame_timeout: float) -> PageSettings:
    """How a film's page is opened."""
    return PageSettings(
        width=film.encoder.width,
        height=film.encoder.height,
        fps=film.encoder.fps,
        props=film.props,
        seed=film.seed,
        picture=film.capture,
        quality=film.quality,
        frame_timeout=frame_timeout,
        page_errors=film.page_errors,
    )
