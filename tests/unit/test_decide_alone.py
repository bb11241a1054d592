"""The command line decides by the operator's code, where none of the operator's libraries are installed."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

MODULES = [
    path.with_suffix("").relative_to("operator").as_posix().replace("/", ".").removesuffix(".__init__")
    for room in ("decide", "model")
    for path in sorted(Path("operator/helios_operator", room).rglob("*.py"))
]


@pytest.fixture(scope="module")
def command_line(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The folders of an environment that has what requirements/cli.txt pins, and this checkout; nothing else."""
    packages = tmp_path_factory.mktemp("cli")
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==", (repository / "requirements/cli.txt").read_text(), re.MULTILINE)
    assert "pydantic" in pinned
    for name in pinned:
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform or Python
        for top in {Path(file).parts[0] for file in distribution.files or () if Path(file).parts[0] != ".."}:
            source = Path(str(distribution.locate_file(top)))
            if source.exists() and not (packages / top).exists():
                (packages / top).symlink_to(source)
    sources = [str(repository / folder) for folder in ("crds", "worker", "adapters", "operator", "cli")]
    return [str(packages), *sources]


def run(path: list[str], code: str) -> subprocess.CompletedProcess[str]:
    """Runs Python without site-packages: the standard library, and these folders."""
    start = f"import sys; sys.path += {path!r}; "
    return subprocess.run([sys.executable, "-I", "-S", "-c", start + code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("library", ["kopf", "kubernetes", "aiohttp", "prometheus_client"])
def test_the_environment_lacks_what_the_operator_needs(command_line: list[str], library: str):
    assert "ModuleNotFoundError" in run(command_line, f"import {library}").stderr


def test_decisions_need_only_what_the_command_line_has(command_line: list[str]):
    assert "helios_operator.decide.reconcile" in MODULES
    commands = "[command.load(name) for name, command in heliosctl.app.COMMANDS.items()]"
    done = run(command_line, f"import {', '.join(MODULES)}, heliosctl.app; {commands}; print('all of them')")
    assert (done.stdout, done.stderr) == ("all of them\n", "")
