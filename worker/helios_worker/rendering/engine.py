"""The engine of this machine (software, fonts, processor class), and whether a job was planned with the same."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from helios_worker.errors import OtherEngine
from helios_worker.jobs.spec import Engine
from helios_worker.machine import cpu_class, fonts_digest, package_version

if TYPE_CHECKING:
    from helios_worker.capture.browser_pool import BrowserPool


async def current_engine(browsers: "BrowserPool") -> Engine:
    """Package, browser, encoder library, fonts and processor class of this worker."""
    return Engine(
        package=package_version(),
        browser=await browsers.version(),
        codec=f"PyAV {version('av')}",
        fonts=fonts_digest(),
        cpu=cpu_class(),
    )


def check_engine(planned: Engine, here: Engine) -> None:
    """Refuses to render a job that was planned with other software or fonts.

    Another processor class is allowed and recorded in the manifest. In a mixed cluster it may differ in the last bits,
    which the stitch warns of.

    Raises:
        OtherEngine: names what differs.
    """
    theirs, ours = planned.model_dump(exclude={"cpu"}), here.model_dump(exclude={"cpu"})
    differing = [f"{name} {theirs[name]} there, {ours[name]} here" for name in theirs if theirs[name] != ours[name]]
    if differing:
        raise OtherEngine("; ".join(differing))
