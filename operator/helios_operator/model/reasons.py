"""All types of conditions and all reasons of conditions and Events, for code, docs and tests."""

READY, PLANNED, RENDERED, COMPLETE, FAILED, SUSPENDED = (
    "Ready",
    "Planned",
    "Rendered",
    "Complete",
    "Failed",
    "Suspended",
)
RECONCILING, STALLED = "Reconciling", "Stalled"

# Progress
PLANNING = "Planning"
RENDERING = "Rendering"
STITCHING = "Stitching"
PLAN_SETTLED = "PlanSettled"
CHUNKS_RENDERED = "ChunksRendered"
CHUNKS_DISCARDED = "ChunksDiscarded"
PLANNED_AGAIN = "PlannedAgain"
FILM_PUBLISHED = "FilmPublished"
SUSPENDED_BY_USER = "SuspendedByUser"
NOT_SUSPENDED = "NotSuspended"
NO_FAILURE = "NoFailure"
AS_EXPECTED = "AsExpected"
USABLE = "Usable"

# Blockers: a user or an admin has to change something
TARGET_NOT_FOUND = "TargetNotFound"
TARGET_FORBIDDEN = "TargetForbidden"
TARGET_UNFIT = "TargetUnfit"
BUCKET_NEEDED = "BucketNeeded"
BUDGET_REACHED = "BudgetReached"
STORE_FORBIDDEN = "StoreForbidden"
NAME_TAKEN = "NameTaken"
QUOTA_EXCEEDED = "QuotaExceeded"
START_REFUSED = "StartRefused"
IMAGE_GONE = "ImageGone"
IMAGES_DIFFER = "ImagesDiffer"
OUTPUT_TAKEN = "OutputTaken"

# Of a RenderJob that another operator looks after
OTHER_OPERATOR = "OtherOperator"

# Of a RenderTarget
TARGET_RESTING = "TargetResting"

# Why a render failed
INPUT_INVALID = "InputInvalid"
RETRIES_EXHAUSTED = "RetriesExhausted"
TOO_MANY_FAILURES = "TooManyFailures"
DEADLINE_EXCEEDED = "DeadlineExceeded"
INVALID_SPEC = "InvalidSpec"

# Why an attempt failed
START_TIMEOUT = "StartTimeout"
WORKER_FAILED = "WorkerFailed"
WORKER_KILLED = "WorkerKilled"
OUT_OF_RESOURCES = "OutOfResources"
RESULT_MISSING = "ResultMissing"
BAD_CHUNK = "BadChunk"
BAD_CHUNKS = "BadChunks"
