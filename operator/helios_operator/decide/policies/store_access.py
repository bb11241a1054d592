"""Store access: whether a render may use its store, its film's place and its source, on one target."""

from helios_crds.addresses import InvalidAddress, StoreAddress, is_allowed
from helios_crds.mapping import COMPOSITION_URL
from helios_crds.rendertarget import RenderTargetSpec
from helios_operator.model.areas import Areas
from helios_operator.model.config import BUILT_IN, Store
from helios_operator.model.locations import foreign_source, source_of, tracks_of
from helios_operator.model.observation import Observation

_BUILT_IN = " (builtInTarget in the chart's values, unless there is a RenderTarget of that name)"


def forbidden_place(observation: Observation, name: str, target: RenderTargetSpec, store: Store) -> str:
    """Why a render may not use a place that it needs, and what to do; "" if it may use all of them.

    name: of the target. store: the operator's default one.
    """
    if observation.places.problem:
        return f"spec.{observation.places.problem}"
    areas = Areas.of(observation.targets.values(), store)
    for field, url in (("artifacts.url", observation.store), ("output.url", observation.output)):
        if not _is_covered(url, observation, target, areas):
            instead = "" if url == observation.store else f"use an address in {observation.store}, or "
            return (
                f"spec.{field}: the RenderTarget {name} does not allow {url}: {instead}ask its admin to add it to "
                f"allowedStores{_BUILT_IN if name == BUILT_IN else ''}"
            )
    sources = [("composition", url) for url in source_of(observation.job)]
    for field, url in [*sources, *tracks_of(observation.job).items()]:
        if "," in url:  # which separates the places that a worker may use
            return f"spec.{field}: {url} contains a comma: use a name without one"
        if url == COMPOSITION_URL or is_allowed(url, target.allowedSources or ()):
            continue
        if not _is_covered(url, observation, target, areas):
            return (
                f"spec.{field}: the RenderTarget {name} does not allow {url}: ask its admin to add it to "
                f"allowedSources{_BUILT_IN if name == BUILT_IN else ''}"
            )
        if problem := foreign_source(url, observation.job, areas):
            return f"spec.{field}: {problem}"
    return ""


def _is_covered(url: str, observation: Observation, target: RenderTargetSpec, areas: Areas) -> bool:
    try:
        return areas.allows(target, StoreAddress.parse(url), observation.job.namespace)
    except InvalidAddress:
        return False
