"""The film that a request asks for, by which a plan in the store is known for its own.

A plan lies under the digest of its request, not of its content, so that the same request finds it again. Others may
have written to the store; their plan is used only where it says what this film's plan must say.
"""

from dataclasses import dataclass

from helios_crds.page_environment import ENVIRONMENT
from helios_crds.request import RenderRequest
from helios_worker.artifacts.digests import json_digest
from helios_worker.errors import UserError
from helios_worker.jobs.identity import disorder
from helios_worker.jobs.spec import Engine, JobSpec
from helios_worker.planning.encoder import encoder_settings
from helios_worker.planning.film import frame_range


def plan_id(request: RenderRequest, engine: Engine, content: str) -> str:
    """The digest of all that shapes a film and its chunks: request, content and engine.

    The request's sound is no part of it: with another music, no chunk is cut or rendered again. What a page's server is
    sent in addition is none, either: that shapes what the server answers, and is part of the recording's digest
    (stages/plan.py). A film that is to be silent has a plan of its own, since nobody listens to its page.

    content: digest of the composition.
    """
    asked = request.model_dump(
        mode="json", exclude={"composition": {"url": True, "entry": True}, "output": True, "audio": True}
    )
    silent = {"silent": True} if request.audio.codec == "none" else {}
    return json_digest({"asked": asked, "content": content, "engine": engine.model_dump(), **silent})


@dataclass(frozen=True)
class AskedFilm:
    """A film before it is planned.

    snapshot, entry: digest of the composition's files, and its page. url: of a page on the network. What there is not
    is "".
    """

    request: RenderRequest
    engine: Engine
    snapshot: str
    entry: str
    url: str

    def plan_id(self, recording: str) -> str:
        """The ID of a plan of this film. recording: digest of what the network answered; of no account with files."""
        content = json_digest([self.url, recording]) if self.url else self.snapshot
        return plan_id(self.request, self.engine, content)

    def is_planned_by(self, planned: JobSpec) -> bool:
        """Whether a plan is one of this film: of its files or address, its request and its engine."""
        if planned.helios is None:
            return False
        ours, film, asked = planned.helios, planned.helios.film, self.request
        page, video = asked.composition, asked.video
        given = {"width": film.encoder.width, "height": film.encoder.height, "frames": film.frames}
        try:
            encoder = encoder_settings(asked, film.encoder.width, film.encoder.height, film.encoder.fps)
            frames = frame_range(video, film.encoder.fps, film.frames)
        except UserError:
            return False
        return (
            planned.id == self.plan_id(film.recording)
            and (film.snapshot, film.entry, film.url) == (self.snapshot, self.entry, self.url)
            and film.query == page.query
            and (film.props, film.seed, film.page_errors) == (page.props, page.seed, page.pageErrors)
            and all(getattr(film, name) == getattr(page, name) for name in ENVIRONMENT)
            and page.seeking in ("Auto", "Stateful" if film.stateful else "Seekable")
            and (page.seeking == "Auto" or film.drawn == film.stateful)
            and (film.capture, film.quality, film.encoder) == (video.capture, video.quality, encoder)
            and all(getattr(video, name) in (None, value) for name, value in given.items())
            and video.fps in (None, str(film.encoder.fps))
            and (film.first, film.end) == frames
            and (ours.engine, ours.frameTimeout, ours.plan, ours.output) == (self.engine, asked.frameTimeout, "", None)
            and not disorder(planned)
        )
