"""Starts and ends a Chrome headless shell under begin-frame control.

Long, because each of the browser's flags stands with its purpose.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from helios_worker.artifacts.credentials import without_credentials
from helios_worker.capture.devtools.blank_pages import BlankPages
from helios_worker.capture.devtools.cdp import BrowserGone, Connection
from helios_worker.capture.devtools.start_failures import BrowserMissing, start_failure
from helios_worker.errors import HeliosError, ResourceError
from helios_worker.network.proxy import Proxy

# Under begin-frame control the compositor draws only on command. The purpose of each group:
FLAGS = (
    # each frame is drawn completely, at the requested time
    "--enable-begin-frame-control",
    "--run-all-compositor-stages-before-draw",
    "--deterministic-mode",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    # a smooth scroll is there at once, and moved by the clock (clock/scrolls.js)
    "--disable-smooth-scrolling",
    "--disable-checker-imaging",
    "--disable-image-animation-resync",
    # or a tile keeps the antialiased edges of its last content, and a picture depends on earlier ones
    "--disable-partial-raster",
    # stripes instead of 256x256 tiles, since there is no GPU to upload tiles to: raster time falls on a page that
    # changes everywhere (1080p: 52 -> 29 ms) and stays the same on one that changes in spots
    "--default-tile-width=8192",
    "--default-tile-height=272",
    "--max-untiled-layer-width=1024",
    "--max-untiled-layer-height=1024",
    "--blink-settings=lazyLoadEnabled=false",
    # navigator.webdriver is false, as in any browser: pages look different to programs
    "--disable-blink-features=AutomationControlled",
    "--enable-surface-synchronization",
    # the same pixels on every machine
    "--disable-gpu",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
    "--lang=en-US",
    # one process for all frames, so that one session reaches them all
    "--disable-site-isolation-trials",
    # no network process of its own: if it died, the page would see its requests as cancelled
    # (and drawElementImage(), which compositions of HyperFrames draw scenes with)
    "--enable-features=NetworkServiceInProcess2,CanvasDrawElement",
    # no compositor process of its own: if it died, its frame would be lost and the page reported as unchanged
    "--in-process-gpu",
    # (a replayed response has no address, so LocalNetworkAccessChecks would keep its page from its own network;
    # with RasterInducingScroll what a script scrolls in an element shows a frame late if nothing else changes)
    (
        "--disable-features=IsolateOrigins,site-per-process,LocalNetworkAccessChecks,Translate,MediaRouter,"
        "OptimizationHints,RasterInducingScroll"
    ),
    "--allow-pre-commit-input",
    # or a video plays in real time until the clock controls it
    "--autoplay-policy=user-gesture-required",
    # a film is one window: window.open() gives null, and links to other windows do nothing
    "--block-new-web-contents",
    # nothing of its own on the network, no questions
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--use-mock-keychain",
    # full speed in the background, in small containers too
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    "--disable-dev-shm-usage",
    # WebRTC, too, goes through the proxy, and sends nothing by UDP
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
# As the browsers know the proxy. Its address is mapped to this name, so that no page can name it.
PROXY_HOST = "proxy.helios.invalid"
# Debian's name on the PATH is a shell script around the first of these.
CANDIDATES = (
    "/usr/lib/chromium/chromium-headless-shell",
    "chromium-headless-shell",
    "chrome-headless-shell",
    "headless_shell",
)
OF_A_USER = re.compile("LC_.*|LANGUAGE|FC_LANG|ICU_.*|TZDIR")
"""Variables that browsers are not given: by them fonts are chosen for characters, and time zones are read from."""
FONTS = Path(__file__).with_name("fonts.conf")
START_SECONDS = 30.0
STARTS = 3
"""How often a browser is started that ends at once; one that does not answer for START_SECONDS, once less."""
START_PAUSES = (0.2, 1.0)
"""Seconds before the second and the third start: what kept the first from starting may pass."""
DEATH_SECONDS = 2.0


def find_browser() -> Path:
    """The headless shell: $HELIOS_CHROMIUM, or the first of CANDIDATES on the PATH.

    Raises:
        BrowserMissing: there is none; the message says what to install.
    """
    chosen = os.environ.get("HELIOS_CHROMIUM")
    if chosen:
        if Path(chosen).is_file() and os.access(chosen, os.X_OK):
            return Path(chosen)
        raise BrowserMissing(f"HELIOS_CHROMIUM is {chosen}, which is not an executable file")
    for name in CANDIDATES:
        path = shutil.which(name)
        if path:
            return Path(path)
    raise BrowserMissing(
        "no Chrome headless shell was found on this machine",
        remedy="install Debian's chromium-headless-shell (apt-get install chromium-headless-shell), or set "
        "HELIOS_CHROMIUM to the path of a chrome-headless-shell",
    )


@dataclass(frozen=True)
class Launch:
    """A browser process that is starting. reads, writes: our ends of its pipe. folder: for its profile and log.

    proxy: through which it reaches the network.
    """

    executable: Path
    pid: int
    reads: int
    writes: int
    folder: TemporaryDirectory[str]
    proxy: Proxy

    @property
    def log(self) -> Path:
        """Where its standard error goes."""
        return Path(self.folder.name, "stderr.log")

    def stop(self) -> None:
        """Ends a browser that nobody has connected to."""
        os.close(self.reads)
        os.close(self.writes)
        _end(self.pid)
        self.folder.cleanup()


def launch(*, site_port: int, proxy: Proxy, raster_threads: int = 1, scratch: Path | None = None) -> Launch:
    """Starts a browser's process and does not wait for it.

    site_port: where on this machine the compositions' hosts (*.composition.localhost) are served.
    proxy: through which it reaches everything else, and by nothing else.
    raster_threads: threads that paint tiles, in each page.
    scratch: folder for its profile and log; by default the system's.

    Raises:
        BrowserMissing: no headless shell is installed, or it is none for this machine.
        ResourceError: there is no room for another process.
    """
    executable = find_browser()
    folder = TemporaryDirectory(prefix="helios-browser-", dir=scratch, ignore_cleanup_errors=True)
    arguments = [
        str(executable),
        *FLAGS,
        "--remote-debugging-pipe",
        f"--num-raster-threads={raster_threads}",
        *network_arguments(site_port, proxy.port),
        f"--user-data-dir={folder.name}/profile",
    ]
    if not sandbox_works():
        arguments.append("--no-sandbox")
    to_browser, our_write = os.pipe()
    our_read, from_browser = os.pipe()
    try:
        pid = _spawn(arguments, to_browser, from_browser, Path(folder.name, "stderr.log"), folder.name)
    except OSError as error:
        os.close(our_write)
        os.close(our_read)
        folder.cleanup()
        if error.errno in (errno.EAGAIN, errno.ENOMEM):
            raise ResourceError(f"{executable} did not start: {error.strerror}") from error
        raise BrowserMissing(
            f"{executable} cannot start on this machine: {error.strerror}",
            remedy="install Debian's chromium-headless-shell, or set HELIOS_CHROMIUM",
        ) from error
    return Launch(executable, pid, our_read, our_write, folder, proxy)


def network_arguments(site_port: int, proxy_port: int) -> list[str]:
    """A browser that reaches the compositions' hosts directly, all others through the proxy, and looks up no name."""
    hosts = f"MAP *.composition.localhost 127.0.0.1:{site_port},MAP {PROXY_HOST} 127.0.0.1:{proxy_port}"
    return [
        f"--proxy-server=socks5://{PROXY_HOST}:{proxy_port}",
        # Without the first, loopback and link-local addresses would be reached directly. The second is as narrow as the
        # compositions' addresses: WebRTC goes to any port of a host, and a browser that may do so directly crashes.
        "--proxy-bypass-list=<-loopback>;http://*.composition.localhost:80",
        f"--host-resolver-rules={hosts},MAP * ~NOTFOUND",
    ]


class Browser:
    """One headless shell and the connection to it. It ends with its worker, when it reads end-of-file on its pipe."""

    def __init__(self, launched: Launch, connection: Connection, version: str) -> None:
        self.pid = launched.pid
        self.connection = connection
        self.version = version
        self.blank_pages = BlankPages(connection)
        self.proxy = launched.proxy
        self.log = launched.log
        self._folder = launched.folder
        self._exited = False

    @classmethod
    async def connect(cls, launched: Launch) -> "Browser":
        """A launched browser, once it is ready to open pages.

        Raises:
            BrowserNotStarted: it ended at once, or does not answer; the message quotes the end of its log.
            BrowserMissing: it can never start on this machine.
        """
        connection, version = Connection(launched.reads, launched.writes), None
        failure: HeliosError | None = None
        try:
            async with asyncio.timeout(START_SECONDS):
                version = await connection.send("Browser.getVersion")
        except (BrowserGone, TimeoutError) as error:
            silent = isinstance(error, TimeoutError)
            failure = start_failure(
                launched.executable, launched.pid, launched.log, silent_for=START_SECONDS if silent else None
            )
        finally:
            if version is None:  # also when whoever waits for it is cancelled
                connection.close("the browser did not start")
                _end(launched.pid)
                launched.folder.cleanup()
        if version is None:
            assert failure is not None
            raise failure
        # Then it says how a page's process has ended, which the page's own session does not.
        connection.post("Target.setDiscoverTargets", {"discover": True, "filter": [{"type": "page"}]})
        return cls(launched, connection, version["product"])

    @property
    def is_alive(self) -> bool:
        """Whether it can still open pages: its process runs, and the connection is open."""
        return self.connection.is_open and not self._has_exited()

    def _has_exited(self) -> bool:
        if not self._exited:
            self._exited = os.waitpid(self.pid, os.WNOHANG) != (0, 0)
        return self._exited

    def kill(self) -> None:
        """Kills its processes without waiting. Any thread may call it."""
        if not self._exited:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Ends the browser and all its processes, and removes what it left on disk."""
        self.connection.close("the browser was stopped")
        if not self._exited:
            _end(self.pid)
            self._exited = True
        self._folder.cleanup()


def sandbox_works() -> bool:
    """Whether Chrome's own sandbox can be used: not as root, and not where a pod's seccomp profile forbids it."""
    return sys.platform != "linux" or (os.geteuid() != 0 and os.environ.get("HELIOS_BROWSER_SANDBOX") == "1")


def _spawn(arguments: list[str], to_browser: int, from_browser: int, log: Path, home: str) -> int:
    """Starts the browser with its pipe on descriptors 3 and 4, in a process group of its own."""
    # Descriptors above the two that dup2 writes to, so that it cannot overwrite them.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (to_browser, from_browser)]
    for fd in (to_browser, from_browser):
        os.close(fd)
    inherited = {
        name: value for name, value in without_credentials(os.environ).items() if not OF_A_USER.fullmatch(name)
    }
    environment = {"FONTCONFIG_FILE": str(FONTS), **inherited}
    environment |= {"HOME": home, "TZ": "UTC", "LANG": "en_US.UTF-8"}
    try:
        return os.posix_spawn(
            arguments[0],
            arguments,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, high[0], 3),
                (os.POSIX_SPAWN_DUP2, high[1], 4),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, str(log), os.O_WRONLY | os.O_CREAT, 0o600),
            ],
            setsid=True,
        )
    finally:
        for fd in high:
            os.close(fd)


def _end(pid: int) -> None:
    """Kills a browser with all its processes and waits for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    deadline = time.monotonic() + DEATH_SECONDS
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.005)


def _is_alive(group: int) -> bool:
    """Whether any process of a group runs. Children of a browser may briefly outlive it and write to its profile."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
            if int(of_group) == group and state not in "ZX":
                return True
    return False
