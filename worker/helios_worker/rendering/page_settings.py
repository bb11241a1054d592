"""How a job's page is opened: from the film in job.json to what the capture room asks for."""

from contextlib import AbstractAsyncContextManager

from helios_crds.words import USUAL_COLOR_SCHEME, USUAL_LOCALE, USUAL_TIME_ZONE
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.content.composition import Compositions, OpenComposition
from helios_worker.capture.page.settings import PageSettings
from helios_worker.jobs.spec import FilmSpec


def page_settings(film: FilmSpec, frame_timeout: float) -> PageSettings:
    """The settings of a film's page. frame_timeout: seconds after which a frame counts as stuck."""
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
        time_zone=film.timeZone or USUAL_TIME_ZONE,
        locale=film.locale or USUAL_LOCALE,
        color_scheme=film.colorScheme or USUAL_COLOR_SCHEME,
        wait_for=film.waitFor or "",
        looks_at_sound=film.looksAtSound,
    )


def open_composition(
    compositions: Compositions, store: ArtifactStore, film: FilmSpec
) -> AbstractAsyncContextManager[OpenComposition]:
    """A film's composition, open until the end of the block, with what the network answers it as recorded.

    Raises:
        CorruptArtifact: part of it is missing from the store or has been altered.
    """
    return compositions.open(
        store,
        snapshot=film.snapshot,
        entry=film.entry,
        query=film.query,
        url=film.url,
        recording=film.recording,
        needs_headers=bool(film.sendsHeaders),
    )
