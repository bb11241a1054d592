"""Where the parts of a job lie in the store."""

SEGMENTS, SEGMENT_SUFFIX = "segments", ".mp4"


PLANS = "plans/"


def plan_key(plan: str) -> str:
    """Where a plan is in the store."""
    return f"{PLANS}{plan}.json"


def job_key(job_id: str) -> str:
    """Where a job is in the store."""
    return f"jobs/{job_id}/job.json"


def manifest_key(key: str) -> str:
    """Where a chunk's manifest is in the store."""
    return f"chunks/{key}.json"


def segment_key(sha256: str) -> str:
    """Where a segment of this digest is in the store."""
    return f"{SEGMENTS}/{sha256}{SEGMENT_SUFFIX}"
