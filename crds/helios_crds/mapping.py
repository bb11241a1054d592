"""From a RenderJob's spec to the request that a worker plans from, so that cluster and command line render the same.

A composition without a URL is mounted into the plan's pod as a folder.
"""

import json

from pydantic import ValidationError

from helios_crds.durations import parse_duration
from helios_crds.renderjob import MAX_INLINE, AudioTrack, CompositionSpec, JobSpecSource, RenderJobSpec
from helios_crds.request import (
    MAX_PROPS_DEPTH,
    AudioRequest,
    AudioTrackRequest,
    ChunkingRequest,
    CompositionRequest,
    JobSpecRequest,
    RenderRequest,
    VideoRequest,
    nesting,
)
from helios_crds.text import first_problem

COMPOSITION_FOLDER = "/helios/composition"
COMPOSITION_URL = f"file://{COMPOSITION_FOLDER}"
INLINE_ENTRY = "index.html"
MAX_AUDIO = 64 * 1024
"""Bytes of the request's audio, which is an annotation and part of a variable of the plan's pod."""


class UnusableSpec(ValueError):
    """A spec that passes the schema and cannot be rendered. reason: one word for a condition."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def request_of(spec: RenderJobSpec, output: str) -> RenderRequest | JobSpecRequest:
    """The request that a spec describes, for a composition or for a job.json that is planned already.

    output: URL of the film.

    Raises:
        UnusableSpec: it asks for something unsupported, too large, or settled already.
    """
    source = spec.composition.jobSpec
    return render_request(spec, output) if source is None else _job_spec_request(spec, source, output)


def render_request(spec: RenderJobSpec, output: str) -> RenderRequest:
    """The request for the composition that a spec describes.

    output: URL of the film.

    Raises:
        UnusableSpec: it asks for something unsupported, or too large.
    """
    source = spec.composition
    if nesting(source.props) > MAX_PROPS_DEPTH:
        raise UnusableSpec(
            "PropsTooDeep",
            f"spec.composition.props are nested more than {MAX_PROPS_DEPTH} levels deep: make them flatter",
        )
    try:
        return RenderRequest(
            composition=CompositionRequest(
                url=_source_url(source),
                entry=INLINE_ENTRY if source.inline is not None else source.entry,
                query=source.query or "",
                props=source.props,
                seed=source.seed,
                seeking=source.seeking,
                pageErrors=source.pageErrors,
                timeZone=source.timeZone,
                locale=source.locale,
                colorScheme=source.colorScheme,
                waitFor=source.waitFor,
            ),
            video=_video(spec),
            audio=_audio(spec),
            chunking=_chunking(spec),
            frameTimeout=parse_duration(spec.execution.frameTimeout).total_seconds(),
            output=output,
        )
    except ValidationError as error:
        raise UnusableSpec("InvalidSpec", f"spec.{first_problem(error)}") from None


def _job_spec_request(spec: RenderJobSpec, source: JobSpecSource, output: str) -> JobSpecRequest:
    given = [name for name in ("video", "chunking", "audio") if getattr(spec, name) is not None]
    if given:
        names = ", ".join(f"spec.{name}" for name in given)
        raise UnusableSpec(
            "JobSpecIsPlanned", f"the job.json of spec.composition.jobSpec settles {names}: leave it out"
        )
    return JobSpecRequest(jobSpec=source.url, sha256=source.sha256, output=output)


def _source_url(source: CompositionSpec) -> str:
    props = json.dumps(source.props, ensure_ascii=False) if source.props else ""
    size = len(f"{source.inline or ''}{props}".encode(errors="replace"))
    if size > MAX_INLINE:
        raise UnusableSpec(
            "CompositionTooLarge",
            f"spec.composition.inline and props have {size} bytes together, more than {MAX_INLINE}: "
            "put the page into a ConfigMap, a folder or a bucket",
        )
    return source.url if source.url is not None else COMPOSITION_URL


def _video(spec: RenderJobSpec) -> VideoRequest:
    if spec.video is None:
        return VideoRequest()
    given = spec.video.model_dump(exclude_none=True)
    if spec.video.duration is not None:
        given["duration"] = parse_duration(spec.video.duration).total_seconds()
    return VideoRequest.model_validate(given)


def _audio(spec: RenderJobSpec) -> AudioRequest:
    if spec.audio is None:
        return AudioRequest()
    loudness = spec.audio.loudness
    try:
        audio = AudioRequest(
            codec=spec.audio.codec,
            bitrate=int(spec.audio.bitrate.removesuffix("k")),
            loudness=None if loudness is None else float(loudness.removesuffix(" LUFS")),
            tracks=tuple(map(_track, spec.audio.tracks or ())),
        )
    except ValidationError as error:
        raise UnusableSpec("InvalidSpec", f"spec.audio.{first_problem(error)}") from None
    if len(audio.model_dump_json().encode()) > MAX_AUDIO:
        raise UnusableSpec(
            "TooManyTracks", f"spec.audio has more than {MAX_AUDIO} bytes: use fewer tracks, or shorter addresses"
        )
    return audio


def _track(track: AudioTrack) -> AudioTrackRequest:
    return AudioTrackRequest(
        url=track.url,
        start=_seconds(track.start),
        trim=_seconds(track.trim),
        duration=None if track.duration is None else _seconds(track.duration),
        gainDb=track.gainDb,
        fadeIn=_seconds(track.fadeIn),
        fadeOut=_seconds(track.fadeOut),
        loop=track.loop,
    )


def _seconds(duration: str) -> float:
    return parse_duration(duration).total_seconds()


def _chunking(spec: RenderJobSpec) -> ChunkingRequest:
    if spec.chunking is None:
        return ChunkingRequest()
    target = spec.chunking.targetDuration
    return ChunkingRequest(
        frames=spec.chunking.frames,
        count=spec.chunking.count,
        targetSeconds=None if target is None else parse_duration(target).total_seconds(),
    )
