"""The place of a film, as far as it can be judged before the film is there."""

from helios_crds.remedies import setting
from helios_worker.artifacts.urls import local_path
from helios_worker.errors import UserError


def refuse_folder(output: str) -> None:
    """Passes unless the output is a folder. The plan asks, so that nothing is rendered first, and the stitch again.

    Raises:
        UserError: it is a folder.
    """
    path = local_path(output)
    if path is not None and path.is_dir():
        raise UserError(
            f"the output {output} is a folder", remedy=f"give a file name in {setting('output.url')}, such as out.mp4"
        )
