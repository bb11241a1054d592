"""What a command that renders prints at its end."""

from typing import Any

from helios_crds.remedies import in_flags
from heliosctl.arguments.options import ReportingOptions
from heliosctl.local.driver import Outcome
from heliosctl.terminal.progress import print_slowness
from heliosctl.terminal.report import counted, print_json, print_labelled, size_text, stderr, time_text


def sound_text(sound: dict[str, Any] | None) -> str:
    """What is heard of a film, as a part of a line; "" for a silent one."""
    if sound is None:
        return ""
    loudness = "" if sound["loudness"] is None else f" ({sound['loudness']:.1f} LUFS)"
    return f", with sound of {counted(sound['sources'], 'file')}{loudness}"


def print_outcome(outcome: Outcome, elapsed: float, shown: str, reporting: ReportingOptions) -> None:
    """Prints where the film is, its length and size, and how long the render took."""
    job, stitched = outcome.job, outcome.stitched
    encoder = job.ours.film.encoder
    rendered = sum(chunk.frameCount for chunk in job.chunks if chunk.id not in outcome.cached)
    if reporting.as_json:
        print_json(
            {
                "output": stitched["output"],
                "frames": stitched["frames"],
                "duration": stitched["duration"],
                "width": encoder.width,
                "height": encoder.height,
                "fps": str(encoder.fps),
                "bytes": stitched["bytes"],
                "sha256": stitched["sha256"],
                "sound": stitched.get("sound"),
                "jobId": job.id,
                "jobPath": outcome.job_path,
                "chunks": len(job.chunks),
                "cachedChunks": len(outcome.cached),
                "renderedFrames": rendered,
                "seconds": {**outcome.seconds, "all": elapsed},
                "framesPerSecond": rendered / elapsed,
                "warnings": [*map(in_flags, job.ours.warnings), *stitched["warnings"]],
            }
        )
        return
    console = stderr()
    for warning in stitched["warnings"]:
        print_labelled(console, "Warning", warning)
    sound = sound_text(stitched.get("sound"))
    reused = f", {len(outcome.cached)} of {len(job.chunks)} chunks were already rendered" if outcome.cached else ""
    speed = f" ({rendered / elapsed:.1f} fps{reused})" if rendered else f" ({reused.removeprefix(', ')})"
    line = (
        f"{shown}: {time_text(stitched['duration'])}, {counted(stitched['frames'], 'frame')} of "
        f"{encoder.width}×{encoder.height} at {encoder.fps} fps, {size_text(stitched['bytes'])}{sound}, "
        f"took {time_text(elapsed)}{speed}"
    )
    console.print(line, markup=False, soft_wrap=True)
    if rendered:
        print_slowness(console, job)
