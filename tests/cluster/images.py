"""The images under test: the Dockerfile's targets, and the base that they start from."""

import os
import tomllib
from pathlib import Path

from tests.cluster.cache import digest, made_once
from tests.cluster.commands import check_call, pipe, run, say, step
from tests.cluster.engine import Engine, docker
from tests.cluster.errors import ClusterError
from tests.cluster.place import Place
from tests.cluster.settings import HERE, REPOSITORY

TARGETS = ("worker", "operator")
RELEASE = "bookworm"
BASE = f"debian:{RELEASE}-slim"


def tag(target: str) -> str:
    """What an image is called on this machine."""
    return f"helios-{target}:dev"


def build(*targets: str) -> None:
    """Builds targets of the Dockerfile, with the base image first where it can neither be found nor pulled.

    Raises:
        ClusterError: there is no Docker, or a build failed.
    """
    with docker() as engine:
        provide_base(engine)
        for target in targets:
            with step(f"building {tag(target)}"):
                engine.show(*_build(target))


def _build(target: str) -> list[str | Path]:
    command: list[str | Path] = ["build", "--quiet", "--network=host", f"--target={target}", f"--tag={tag(target)}"]
    command += [f"--build-arg=BASE={BASE}", f"--build-arg=REVISION={_revision()}", f"--build-arg=VERSION={_version()}"]
    if (authorities := _authorities()) is not None:
        command.append(f"--secret=id=ca,src={authorities}")
    return [*command, REPOSITORY]


def _revision() -> str:
    try:
        return run("git", "describe", "--always", "--dirty", "--abbrev=12", cwd=REPOSITORY).strip()
    except ClusterError:
        return "unknown"


def _version() -> str:
    project: dict[str, str] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return project["version"]


def _authorities() -> Path | None:
    """The certificates that this machine trusts, for package indexes behind a proxy. A secret: never in the image."""
    path = Path(os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")
    return path if path.is_file() else None


def provide_base(engine: Engine) -> None:
    """Makes sure that BASE is there: found, pulled, or made by debootstrap under the same name.

    Raises:
        ClusterError: none of the three works here.
    """
    if engine.answers("image", "inspect", BASE):
        return
    say(f" • pulling {BASE} ...")
    if engine.answers("pull", "--quiet", BASE, seconds=120):
        return
    say(f"   no registry can be reached; making {BASE} from Debian's packages")
    script = HERE / "base-image"
    key = digest(script.read_bytes(), RELEASE)
    folder = made_once(f"base-{RELEASE}-{key}", lambda folder: check_call([script, RELEASE, folder / "base.tar"]))
    with step(f"importing {BASE}"):
        engine("import", folder / "base.tar", BASE)


def load(place: Place, *images: str) -> None:
    """Loads images from Docker into the cluster's node; all at once, since what they share is then copied once.

    Raises:
        ClusterError: there is no such cluster or no such image.
    """
    if not place.ready.exists():
        raise ClusterError(f"no nodes found for cluster {place.name!r}")
    with docker() as engine:
        for image in images:
            if not engine.answers("image", "inspect", image):
                raise ClusterError(f"image: {image!r} not present locally")
        with step(f"loading {', '.join(images)}"):
            import_into: list[str | Path] = [
                "ctr",
                "-a",
                place.containerd_socket,
                "-n",
                "k8s.io",
                "images",
                "import",
                "-",
            ]
            pipe([engine.program, "save", *images], import_into, env=engine.env)
