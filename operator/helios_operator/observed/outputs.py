"""Which RenderJob owns an output: of those in a namespace that write the same film, the oldest.

The last one to end would win otherwise, and the status of the others would name the SHA-256 of a film that is gone. An
ended RenderJob keeps its film for as long as it exists; one that failed has none. Namespaces are compared each by
itself: a folder on a claim is another one in each, and who may write where in a bucket is the RenderTarget's to say.
"""

from collections import defaultdict
from datetime import UTC, datetime

from helios_crds.addresses import InvalidAddress, StoreAddress
from helios_operator.model.observation import InvalidJob, ObservedJob

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_Place = tuple[str, str]
_Rank = tuple[datetime, str]


class Outputs:
    """The outputs of all RenderJobs, by namespace and URL."""

    def __init__(self) -> None:
        self._claims: defaultdict[_Place, dict[str, tuple[_Rank, str]]] = defaultdict(dict)
        self._place_of: dict[str, _Place] = {}

    def put(self, job: ObservedJob | InvalidJob, url: str) -> set[str]:
        """Updates a RenderJob. url: of its film; "" if it writes none. Returns the UIDs that it gives way to."""
        place = (job.namespace, _canonical(url))
        if not url:
            return self.drop(job.uid)
        if self._place_of.get(job.uid) != place:
            freed = self.drop(job.uid)
            self._place_of[job.uid] = place
            self._claims[place][job.uid] = ((job.created or _LONG_AGO, job.uid), job.name)
            return freed
        return set()

    def drop(self, uid: str) -> set[str]:
        """Drops a RenderJob. Returns the UIDs of those that wrote the same film."""
        place = self._place_of.pop(uid, None)
        if place is None:
            return set()
        claims = self._claims[place]
        del claims[uid]
        if not claims:
            del self._claims[place]
        return set(claims)

    def owner(self, uid: str) -> str:
        """Name of the older RenderJob that owns this one's output; "" if it is its own."""
        place = self._place_of.get(uid)
        if place is None:
            return ""
        claims = self._claims[place]
        first = min(claims.values()) if len(claims) > 1 else claims[uid]
        return "" if first == claims[uid] else first[1]


def _canonical(url: str) -> str:
    """One spelling for an address, since file:///out/%66ilm.mp4 is file:///out/film.mp4."""
    try:
        return StoreAddress.parse(url).url
    except InvalidAddress:
        return url


def film_of(job: ObservedJob | InvalidJob, planned: str) -> str:
    """URL of the film that a RenderJob writes or has written; "" if there is none. planned: of one that renders."""
    if isinstance(job, InvalidJob) or job.status.phase == "Failed":
        return ""
    if job.status.completionTime is None:
        return planned
    return job.status.output.url if job.status.output is not None else ""
