"""The spec of a RenderJob: a composition, a video, and how to render it. The status is in renderjob_status.

`kubectl explain` shows the descriptions. Fields that shape the frames cannot be changed after creation: another film
needs another RenderJob.

Long, because one kind of the API is one file, field by field.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from helios_crds.base import OPEN_OBJECT, ApiModel, Name, Shape, StoreUrl, Url, immutable, listed, rules
from helios_crds.durations import Duration, MaybeZero
from helios_crds.film_url import FilmUrl
from helios_crds.page_environment import ENVIRONMENT, ColorSchemeName, LocaleTag, Selector, TimeZoneName
from helios_crds.paths import InnerPath, Query
from helios_crds.request import (
    MAX_BITRATE,
    MAX_CHUNKS,
    MAX_FRAMES,
    MAX_GAIN_DB,
    MAX_LOUDNESS,
    MAX_SIDE,
    MAX_TRACKS,
    MIN_BITRATE,
    MIN_GAIN_DB,
    MIN_LOUDNESS,
    SLOWEST,
    check_fps,
)

MAX_INLINE = 128 * 1024
MAX_TOTAL_RETRIES = 200
MAX_TARGETS = 16

_FPS_SHAPE = "type(self) == int || self.matches('^[1-9][0-9]{0,8}(/[1-9][0-9]{0,8})?$')"
_FPS_LIMIT = (
    "type(self) == int ? self >= 1 && self <= 240 : !self.matches('^[1-9][0-9]{0,8}(/[1-9][0-9]{0,8})?$') || "
    "(int(self.split('/')[0]) <= 240 * (self.contains('/') ? int(self.split('/')[1]) : 1) && "
    f"(self.contains('/') ? int(self.split('/')[1]) : 1) <= {SLOWEST} * int(self.split('/')[0]))"
)
FPS_RULES = rules(
    (_FPS_SHAPE, 'fps must be exact: write 30, or a fraction in quotes such as "30000/1001" for 29.97'),
    (_FPS_LIMIT, f"fps must be at least 1/{SLOWEST} and at most 240"),
)


def _exact_fps(value: int | str) -> int | str:
    check_fps(str(value))
    return value


def _small_enough(page: str) -> str:
    if len(page.encode(errors="replace")) > MAX_INLINE:
        raise ValueError(INLINE_TEXT)
    return page


INLINE_TEXT = f"inline has more than {MAX_INLINE} bytes of UTF-8: put the page into a ConfigMap, a folder or a bucket"
# maxLength counts characters, of up to four bytes.
INLINE_RULES = rules((f"bytes(self).size() <= {MAX_INLINE}", INLINE_TEXT))
Inline = Annotated[
    str, Field(min_length=1, max_length=MAX_INLINE, json_schema_extra=INLINE_RULES), AfterValidator(_small_enough)
]
FpsValue = Annotated[int | str, AfterValidator(_exact_fps), Field(json_schema_extra={"maxLength": 19, **FPS_RULES})]
Loudness = Annotated[
    str, Field(max_length=10), Shape(r"^-[0-9]{1,2}(\.[0-9])? LUFS$", 'must be a loudness, such as "-14 LUFS"')
]
Decibel = Annotated[float, Field(ge=MIN_GAIN_DB, le=MAX_GAIN_DB)]


class KeyRef(ApiModel):
    """A key of a ConfigMap in the RenderJob's namespace."""

    name: Name = Field(description="Name of the ConfigMap.")
    key: Annotated[str, Shape(r"^[-._a-zA-Z0-9]+$", "must be a key of letters, digits, -, _ and .")] = Field(
        max_length=253, description="Key in the ConfigMap's data."
    )


class PropsSource(ApiModel):
    """A source of more props."""

    configMapKeyRef: KeyRef = Field(description="A key of a ConfigMap that holds a JSON object.")


class ConfigMapSource(ApiModel):
    """A composition in a ConfigMap, whose keys are its files."""

    name: Name = Field(description="Name of a ConfigMap in the RenderJob's namespace.")


class HeadersSecret(ApiModel):
    """A Secret in the RenderJob's namespace."""

    name: Name = Field(
        description="Name of the Secret. Its key origin names the server that may be sent the headers, such as "
        "https://films.example; several have commas between them. All other keys are names of headers, such as "
        "Authorization; the key Cookie holds cookies as a=1; b=2."
    )


class HeadersSource(ApiModel):
    """A source of headers."""

    secretRef: HeadersSecret = Field(description="A Secret whose keys are the headers, and the origin they may go to.")


class JobSpecSource(ApiModel):
    """A job.json that is planned already."""

    url: Url = Field(
        description="URL of the job.json, such as s3://media/artifacts/jobs/ID/job.json. What it needs is in its store."
    )
    sha256: Annotated[str, Shape("^[0-9a-f]{64}$", "must be a SHA-256 in 64 lower-case hexadecimal digits")] = Field(
        max_length=64, description="SHA-256 of that file: another file is refused."
    )


_IS_ARCHIVE = r"self.url.matches(r'(?i)^[^?#]*\.(tar|tar\.gz|tgz|tar\.bz2|tar\.xz|zip)([?#]|$)')"
_IS_PAGE = r"self.url.matches(r'(?i)^[^?#]*\.(html|htm|xhtml|svg)([?#]|$)')"
_IS_WEB_PAGE = f"(self.url.matches('^https?://') && !{_IS_ARCHIVE})"
"""As the worker tells sources apart by their addresses: helios_worker.sources has the same suffixes."""
_ENTRY_IS_OPENED = (
    "self.entry == 'index.html' || has(self.configMap) || "
    f"(has(self.url) && !{_IS_WEB_PAGE} && ({_IS_ARCHIVE} || !{_IS_PAGE}))"
)

SOURCES = ("url", "inline", "configMap", "jobSpec")


class CompositionSpec(ApiModel):
    """The page to render."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.url), has(self.inline), has(self.configMap), has(self.jobSpec)].filter(x, x).size() == 1",
                "give exactly one of url, inline, configMap and jobSpec",
            ),
            (
                "!has(self.jobSpec) || !(has(self.props) || has(self.propsFrom))",
                "a jobSpec has its own props: leave props and propsFrom out",
            ),
            (
                "!has(self.jobSpec) || !["
                + ", ".join(f"has(self.{name})" for name in ("query", *ENVIRONMENT))
                + "].exists(given, given)",
                "a jobSpec has its own query, timeZone, locale, colorScheme and waitFor: leave them out",
            ),
            (
                f"!has(self.query) || !has(self.url) || !{_IS_WEB_PAGE}",
                "the url of a page on the web has its own query: write it at the end of url, and leave query out",
            ),
            (
                _ENTRY_IS_OPENED,
                "entry is a page in a folder, an archive or a ConfigMap: leave it out where the page itself is given",
            ),
            (
                "!has(self.headersFrom) || (has(self.url) && self.url.matches('^https?://'))",
                "headersFrom needs a url that begins with http:// or https://: its server alone is sent the headers",
            ),
        )
    )

    url: Url | None = Field(
        default=None, description="URL of a page, folder or archive: file://, http://, https://, s3://, gs:// or az://."
    )
    inline: Inline | None = Field(
        default=None,
        description="HTML of the page itself. At most 128 KiB together with props.",
    )
    configMap: ConfigMapSource | None = Field(
        default=None, description="A ConfigMap whose keys are the composition's files."
    )
    jobSpec: JobSpecSource | None = Field(
        default=None, description="A job.json that is planned already: the render starts at its chunks."
    )
    entry: InnerPath = Field(default="index.html", description="Page to open in a folder, archive or ConfigMap.")
    query: Query | None = Field(
        default=None,
        description="What follows the page's path in its address, such as ?lang=de#intro: the page reads it as "
        "location.search and location.hash. The URL of a page has its own.",
    )
    props: dict[str, Any] | None = Field(
        default=None,
        max_length=4096,
        description="JSON object that the page reads as window.__HELIOS_PROPS__.",
        json_schema_extra=OPEN_OBJECT,
    )
    propsFrom: list[PropsSource] | None = Field(
        default=None,
        max_length=16,
        description="More props, from ConfigMaps. Later entries override earlier ones, and props overrides all.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    seed: int = Field(default=0, ge=0, lt=1 << 32, description="Seed of the page's random numbers.")
    seeking: Literal["Auto", "Seekable", "Stateful"] = Field(
        default="Auto",
        description="Whether the page can jump to any frame (Seekable) or needs all frames before it (Stateful). "
        "Auto: the plan tests it.",
    )
    pageErrors: Literal["fail", "warn"] = Field(
        default="fail",
        description="Whether an uncaught error or a missing file of the page ends the render (fail) or is only "
        "reported (warn).",
    )
    timeZone: TimeZoneName | None = Field(
        default=None, description="The page's time zone, such as Europe/Berlin. Defaults to UTC."
    )
    locale: LocaleTag | None = Field(
        default=None,
        description="The page's language and region, such as de-DE: for formats of dates and numbers, for "
        "navigator.language and for the servers that it asks. Defaults to en-US.",
    )
    colorScheme: ColorSchemeName | None = Field(
        default=None, description="What the page finds in prefers-color-scheme. Defaults to light."
    )
    waitFor: Selector | None = Field(
        default=None,
        description="CSS selector. The film begins when an element of the page matches it, visible or not; meanwhile "
        "the page's time stands at 0.",
    )
    headersFrom: HeadersSource | None = Field(
        default=None,
        description="Headers and cookies that the server of url is sent with the page and its files, and no other "
        "server. They are kept in no artifact, log or status. Pods alone are given them.",
    )


Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]


class VideoSpec(ApiModel):
    """Size, rate, length and encoding of the picture. The page declares what is left out."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!(has(self.frames) && has(self.duration))",
                "give frames or duration, not both: frames = duration × fps, rounded",
            ),
        )
    )

    width: int | None = Field(default=None, ge=2, le=MAX_SIDE, description="Width in pixels.")
    height: int | None = Field(default=None, ge=2, le=MAX_SIDE, description="Height in pixels.")
    fps: FpsValue | None = Field(
        default=None,
        description='Frames per second, exact: 30, or a fraction in quotes such as "30000/1001" for 29.97.',
    )
    duration: Duration | None = Field(
        default=None, description="Length of the film, such as 45s. The number of frames is duration × fps, rounded."
    )
    frames: int | None = Field(
        default=None, ge=1, le=MAX_FRAMES, description="Length of the film in frames, instead of duration."
    )
    codec: Literal["h264"] = Field(default="h264", description="Video codec.")
    crf: int = Field(
        default=18,
        ge=0,
        le=51,
        description="Constant rate factor, 0 (lossless) to 51. Lower looks better and makes larger files.",
    )
    preset: Preset = Field(default="veryfast", description="Encoder preset. Slower presets make smaller files.")
    capture: Literal["jpeg", "png"] = Field(
        default="jpeg", description="Image format of captured frames: jpeg is faster, png is lossless."
    )
    quality: int = Field(default=95, ge=1, le=100, description="JPEG quality of captured frames.")
    unitFrames: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Key-frame interval in frames; chunks start only on key frames. Defaults to two seconds.",
    )


class AudioTrack(ApiModel):
    """A sound mixed into the film."""

    url: Url = Field(
        description="URL of the sound file, or of a video whose sound is heard, as of a composition: s3://media/a.mp3, "
        "gs://…, az://…, https://…, or file:///helios/composition/a.mp3 in a mounted composition."
    )
    start: MaybeZero = Field(default="0s", description="When the sound begins in the film.")
    trim: MaybeZero = Field(default="0s", description="How much of the file's beginning is left out.")
    duration: Duration | None = Field(
        default=None, description="How long the sound is heard. Defaults to its end, or the film's if it loops."
    )
    gainDb: Decibel = Field(default=0.0, description="Gain in decibels; negative values are quieter.")
    fadeIn: MaybeZero = Field(default="0s", description="Length of the fade-in.")
    fadeOut: MaybeZero = Field(default="0s", description="Length of the fade-out at its end.")
    loop: bool = Field(default=False, description="Whether the sound begins again where it ends.")


class Audio(ApiModel):
    """Sound of the film, mixed once over its whole length."""

    codec: Literal["aac", "opus", "none"] = Field(
        default="aac", description="Audio codec; none makes a silent film, whatever the page plays."
    )
    bitrate: Annotated[str, Shape("^[1-9][0-9]{0,3}k$", "must be in kilobits per second, such as 192k")] = Field(
        default="192k",
        max_length=8,
        description=f"Bit rate of the stereo sound, from {MIN_BITRATE}k to {MAX_BITRATE}k, such as 192k.",
    )
    loudness: Loudness | None = Field(
        default=None,
        description="Loudness that the whole film is brought to by EBU R128, "
        f'from {MIN_LOUDNESS} to {MAX_LOUDNESS} LUFS: "-14 LUFS" for one. By default it stays as it is mixed.',
    )
    tracks: list[AudioTrack] | None = Field(
        default=None,
        max_length=MAX_TRACKS,
        description="Sounds in addition to those that the page plays.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class ChunkingSpec(ApiModel):
    """How the film is divided into chunks, which are rendered in parallel and start on key frames."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.targetDuration), has(self.frames), has(self.count)].filter(x, x).size() <= 1",
                "give at most one of targetDuration, frames and count",
            ),
        )
    )

    targetDuration: Duration | None = Field(
        default=None, description="Aim for chunks of this much single-core work, such as 60s."
    )
    frames: int | None = Field(
        default=None, ge=1, le=MAX_FRAMES, description="Frames per chunk, rounded up to the next key frame."
    )
    count: int | None = Field(default=None, ge=1, le=MAX_CHUNKS, description="Most chunks to divide the film into.")


class TargetUse(ApiModel):
    """A RenderTarget that this job may use."""

    name: Name = Field(description="Name of the RenderTarget; `kubernetes` is built in.")
    maxConcurrent: int | None = Field(
        default=None, ge=1, le=MAX_CHUNKS, description="Most chunks of this job that the target renders at once."
    )


class Retries(ApiModel):
    """How often failed work is retried. Disruptions, such as a drained node, do not count."""

    perChunk: int = Field(default=3, ge=0, le=20, description="Retries of each chunk, of the plan, and of the stitch.")
    total: int = Field(default=20, ge=0, le=MAX_TOTAL_RETRIES, description="Retries of the whole job.")


class Stragglers(ApiModel):
    """When a chunk that is much slower than the others is also rendered a second time."""

    factor: float = Field(
        default=3.0,
        ge=1.1,
        le=100,
        description="A chunk is slow after this many times the median duration of finished chunks.",
    )
    minimum: Duration = Field(default="60s", description="A chunk that has run for less is never slow.")


Budget = Annotated[
    str,
    Field(max_length=16),
    Shape(r"^[0-9]{1,9}(\.[0-9]{1,4})?$", 'must be an amount in quotes with at most four decimals, such as "5.00"'),
]


class Execution(ApiModel):
    """Where and how chunks run. Can be changed at any time."""

    targets: list[TargetUse] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_TARGETS,
        description="Where chunks may run, in order of preference. Defaults to the built-in target `kubernetes`.",
        json_schema_extra=listed("name"),
    )
    parallelism: int = Field(default=16, ge=1, le=MAX_CHUNKS, description="Most chunks rendered at once.")
    retries: Retries = Field(default=Retries(), description="How often failed work is retried.")
    startTimeout: Duration = Field(
        default="10m",
        description="How long a pod may take to start (image, volume, free node) before it counts as failed.",
    )
    chunkTimeout: Duration = Field(default="15m", description="How long one chunk may run.")
    activeDeadline: Duration | None = Field(
        default=None, description="How long the whole render may take, without the time it is suspended."
    )
    frameTimeout: Duration = Field(
        default="30s", description="How long to wait for one frame before it counts as stuck."
    )
    stragglers: Stragglers = Field(
        default=Stragglers(), description="When a slow chunk is also rendered a second time."
    )
    priority: int = Field(
        default=0, ge=-1000, le=1000, description="Chunks of jobs with a higher priority start first."
    )
    budget: Budget | None = Field(
        default=None,
        description="Most that chunks outside the cluster may cost, in the currency of the targets' prices.",
    )


class SecretRef(ApiModel):
    """A Secret in the RenderJob's namespace."""

    name: Name = Field(description="Name of the Secret. Its keys are variable names such as AWS_ACCESS_KEY_ID.")


class Artifacts(ApiModel):
    """Where intermediate files are kept. Jobs that need the same frames share them."""

    url: StoreUrl | None = Field(default=None, description="A bucket or folder, such as s3://media/artifacts/.")
    credentialsRef: SecretRef | None = Field(
        default=None, description="Secret with credentials for the store. A workload identity needs none and is safer."
    )


class Output(ApiModel):
    """Where the film goes."""

    url: FilmUrl = Field(description="URL of the film's file, such as s3://media/out/teaser.mp4.")


FROZEN = ("composition", "video", "audio", "chunking", "artifacts", "output")


class RenderJobSpec(ApiModel):
    """What to render, and how."""

    model_config = ConfigDict(
        json_schema_extra=immutable(*FROZEN, why="it shapes the film; apply the change under another name")
    )

    composition: CompositionSpec = Field(description="The page to render: exactly one source, and its props.")
    video: VideoSpec | None = Field(default=None, description="Size, rate, length and encoding of the picture.")
    audio: Audio | None = Field(default=None, description="Sound of the film.")
    chunking: ChunkingSpec | None = Field(
        default=None, description="How the film is divided. Defaults to chunks of about equal work."
    )
    execution: Execution = Field(default=Execution(), description="Where and how chunks run.")
    artifacts: Artifacts | None = Field(
        default=None, description="Where intermediate files are kept. Defaults to the operator's store."
    )
    output: Output | None = Field(
        default=None, description="Where the film goes. Defaults to a file next to the artifacts, named after the job."
    )
    suspend: bool = Field(
        default=False, description="True pauses the render and keeps finished chunks; false continues it."
    )
    ttlAfterFinished: MaybeZero = Field(
        default="24h", description="How long finished Jobs and pods of this render are kept for their logs."
    )
