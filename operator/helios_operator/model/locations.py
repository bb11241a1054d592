"""URLs of a RenderJob's artifacts and film, and whether its namespace may use them."""

import hashlib
from collections.abc import Mapping

from helios_crds.addresses import InvalidAddress, StoreAddress, is_artifact, is_web
from helios_crds.mapping import COMPOSITION_URL
from helios_crds.rendertarget import NAMESPACE, RenderTargetSpec
from helios_operator.model.areas import Areas, NotYours
from helios_operator.model.config import Config
from helios_operator.model.observation import ObservedJob, Places

MAX_FILE_NAME = 200


def places_of(job: ObservedJob, targets: Mapping[str, RenderTargetSpec], config: Config) -> Places:
    """Where a render's files are: in the folder of its namespace, whatever artifacts.url says.

    A render that was planned in another store goes on there, if that is a folder of its namespace too, or the allowed
    prefix itself, in which earlier versions kept the artifacts of all namespaces together.
    """
    areas = Areas.of(targets.values(), config.store)
    written = _written_url(job, config)
    try:
        store = areas.home(StoreAddress.parse(written), job.namespace)
    except (InvalidAddress, NotYours) as error:
        return Places(written, "", problem=f"artifacts.url: {error}")
    if (recorded := _recorded(job)) is not None and recorded != store.folder:
        if recorded == written and areas.is_shared(StoreAddress.parse(written)):
            output = job.spec.output.url if job.spec.output is not None else _default_output(written, job)
            return Places(written, output)
        if _belongs(recorded, job, areas):
            store = StoreAddress.parse(recorded)
    if job.spec.output is None:
        return _checked(store, _default_output(store.folder, job))
    output = job.spec.output.url
    try:
        address = StoreAddress.parse(output)
        home = areas.home(address, job.namespace)
    except (InvalidAddress, NotYours) as error:
        return Places(store.folder, output, problem=f"output.url: {error}")
    if home != address:
        return Places(store.folder, output, problem=_outside(f"output.url {output}", home, job.namespace))
    if areas.belongs(address, job.namespace) and not areas.belongs(address.parent, job.namespace):
        return Places(store.folder, output, problem=f"output.url {output} is a folder: write {home.url}/film.mp4")
    return _checked(store, output)


def planned_output(job: ObservedJob, targets: Mapping[str, RenderTargetSpec], config: Config) -> str:
    """URL of the film, also where the render may not write it."""
    if job.spec.output is not None:
        return job.spec.output.url
    return places_of(job, targets, config).output or _default_output(_written_url(job, config), job)


def foreign_source(url: str, job: ObservedJob, areas: Areas) -> str:
    """Why the namespace may not read a source in a store, and what to do; "" if it may."""
    try:
        address = StoreAddress.parse(url)
        home = areas.home(address, job.namespace)
    except (InvalidAddress, NotYours) as error:
        return str(error)
    outside = _outside(url, home, job.namespace)
    return "" if home == address else f"{outside}, or to add it to its allowedSources"


def allowed_in_pod(job: ObservedJob, places: Places) -> list[str]:
    """What a pod may read and write in stores: this render's own store, its film and its sources, nothing else."""
    return [places.store, places.output, *dict.fromkeys([*source_of(job), *tracks_of(job).values()])]


def source_of(job: ObservedJob) -> list[str]:
    """The address of a composition in a store, or of its mount; nothing if the composition is on the web."""
    source = job.spec.composition
    if source.inline is not None or source.configMap is not None:
        return [COMPOSITION_URL]
    given = source.jobSpec.url if source.jobSpec is not None else source.url or ""
    return [] if is_web(given) else [given]


def tracks_of(job: ObservedJob) -> dict[str, str]:
    """The addresses of sound files in stores, by their fields. Files in a mounted composition belong to that."""
    audio, mounted = job.spec.audio, source_of(job) == [COMPOSITION_URL]
    given = {f"audio.tracks[{index}].url": track.url for index, track in enumerate(audio.tracks or ())} if audio else {}
    return {
        field: url
        for field, url in given.items()
        if not is_web(url) and not (mounted and url.startswith(f"{COMPOSITION_URL}/"))
    }


def uses_own_store(job: ObservedJob) -> bool:
    """Whether the RenderJob names its own artifact store, instead of the operator's."""
    return job.spec.artifacts is not None and job.spec.artifacts.url is not None


def job_path(store_url: str, job_id: str) -> str:
    """URL of a film's plan in its store."""
    return f"{store_url}jobs/{job_id}/job.json"


def _written_url(job: ObservedJob, config: Config) -> str:
    """The store as the spec, or the operator's admin, writes it."""
    given = job.spec.artifacts.url if job.spec.artifacts else None
    return (given or config.store.url).rstrip("/") + "/"


def _recorded(job: ObservedJob) -> str | None:
    """The store of the plan on record; None if there is none that chunks can be rendered of.

    So a plan is never made in the old place, whatever a status says: there it could write over the others' films.
    """
    plan = job.status.plan
    if plan is None or len(job.status.chunkMap) != plan.chunks:
        return None
    end = job_path("", plan.jobId)
    return plan.jobPath.removesuffix(end) if plan.jobPath.endswith(f"/{end}") else None


def _belongs(store: str, job: ObservedJob, areas: Areas) -> bool:
    try:
        address = StoreAddress.parse(store)
        is_home = areas.home(address, job.namespace) == address
        return is_home and address.folder == store and areas.belongs(address, job.namespace)
    except (InvalidAddress, NotYours):
        return False


def _checked(store: StoreAddress, output: str) -> Places:
    """Places whose film does not lie among artifacts, and that can stand in a list with commas."""
    problem = ""
    if is_artifact(StoreAddress.parse(output), store):
        problem = f"output.url {output} is among the artifacts of {store.folder}: write another folder, such as out/"
    elif "," in f"{store.folder}{output}":
        problem = f"{store.folder if ',' in store.folder else output} contains a comma: use a name without one"
    return Places(store.folder, output, problem=problem)


def _outside(url: str, home: StoreAddress, namespace: str) -> str:
    return (
        f"{url} is outside of the folder of the namespace {namespace}: write {home.url}, "
        f"or ask an admin to allow another prefix with {NAMESPACE} on the RenderTarget"
    )


def _default_output(store: str, job: ObservedJob) -> str:
    return f"{store}out/{job.namespace}/{_file_name(job.name)}.mp4"


def _file_name(name: str) -> str:
    """A file name has at most 255 bytes, with a suffix during upload; a RenderJob's name has up to 253 characters."""
    if len(name) <= MAX_FILE_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: MAX_FILE_NAME - 13]}-{digest}"
