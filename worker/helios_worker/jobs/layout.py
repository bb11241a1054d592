"""The keys of a job's parts in the store."""

SEGMENTS, SEGMENT_SUFFIX = "segments", ".mp4"


PLANS = "plans/"
SOUND_PLANS = "sound-plans/"


def plan_key(plan: str) -> str:
    """The key of a plan."""
    return f"{PLANS}{plan}.json"


def job_key(job_id: str) -> str:
    """The key of a job."""
    return f"jobs/{job_id}/job.json"


def final_key(job_id: str) -> str:
    """The key of the record of a job's finished film."""
    return f"jobs/{job_id}/final.json"


def manifest_key(key: str) -> str:
    """The key of a chunk's manifest."""
    return f"chunks/{key}.json"


def segment_key(sha256: str) -> str:
    """The key of a segment with this digest."""
    return f"{SEGMENTS}/{sha256}{SEGMENT_SUFFIX}"


def sound_key(digest: str) -> str:
    """The key of a sound plan with this digest."""
    return f"{SOUND_PLANS}{digest}.json"


def part_key(job_id: str, chunk: int) -> str:
    """The key of the file that the command of a chunk of upstream Helios' job wrote."""
    return f"jobs/{job_id}/parts/{chunk}"
