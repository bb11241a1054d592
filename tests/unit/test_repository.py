"""The repository keeps its own promises: locks, make targets, packaging."""

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("build", "cli", "dev", "image", "operator", "worker")


def locked(text: str) -> dict[str, str]:
    """Versions by package of a requirements file."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, flags=re.MULTILINE))


def lock(repository: Path, name: str) -> str:
    return (repository / "requirements" / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_and_hashes_everything(repository, name):
    entries = re.split(r"\n(?=\S)", lock(repository, name).strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\d", entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_no_address(repository, name):
    assert "://" not in lock(repository, name)
    assert "--index" not in lock(repository, name)


@pytest.mark.parametrize("folder", ["tests", "scripts/javascript"])
def test_npm_lock_names_no_address(repository, folder):
    """npm asks the registry that the machine is set up for, and the hashes prove what it answers."""
    packages = json.loads((repository / folder / "package-lock.json").read_text())["packages"]
    installed = {name: package for name, package in packages.items() if name}
    assert installed
    assert [name for name, package in installed.items() if "resolved" in package] == []
    assert [name for name, package in installed.items() if "integrity" not in package] == []


@pytest.mark.parametrize("folder", ["tests", "scripts/javascript"])
def test_npm_packages_are_pinned(repository, folder):
    project = json.loads((repository / folder / "package.json").read_text())
    wanted = project.get("dependencies", {}) | project.get("devDependencies", {})
    assert wanted
    assert [name for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


@pytest.mark.parametrize("name", [name for name in LOCKS if name != "dev"])
def test_locks_agree(repository, name):
    """One version per package, whatever is installed: dev.txt tests what worker.txt ships."""
    dev = locked(lock(repository, "dev"))
    for package, version in locked(lock(repository, name)).items():
        assert dev.get(package, version) == version, package


@pytest.mark.parametrize(
    ("extra", "name"), [("worker", "worker"), ("operator", "operator"), ("cli", "cli"), ("functions", "image")]
)
def test_lock_follows_pyproject(repository, extra, name):
    """A dependency was added or raised without `make lock`?"""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    versions = locked(lock(repository, name))
    for text in project["dependencies"] + project["optional-dependencies"][extra]:
        requirement = Requirement(text)
        if requirement.name == project["name"]:
            continue
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, text


def test_every_make_target_has_help(repository):
    makefile = (repository / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, flags=re.MULTILINE))
    internal = {target for target in targets if target.startswith("system-packages")}
    listed = subprocess.run(["make", "help"], cwd=repository, capture_output=True, text=True, check=True).stdout
    assert targets - internal == set(re.findall(r"^  make ([a-z0-9-]+) ", listed, flags=re.MULTILINE))
    assert {"setup", "demo", "test", "unit", "integration", "e2e", "lint", "fmt", "lock", "bench"} <= targets


def test_operator_folder_is_no_package(repository):
    """An __init__.py there would hide the standard library's operator from whoever runs in the checkout."""
    assert not (repository / "operator/__init__.py").exists()


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=repository, check=True, capture_output=True)
    (path,) = out.glob("helios_render-*.whl")
    return ZipFile(path)


PACKAGES = (
    "crds/helios_crds",
    "worker/helios_worker",
    "adapters/helios_adapters",
    "operator/helios_operator",
    "cli/heliosctl",
)


def test_wheel_contains_all_that_the_packages_hold(repository, wheel):
    """Scripts and pages that the worker injects are data files, easily forgotten by a build."""
    if shutil.which("git") is None or not (repository / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of files to compare with")
    for package in PACKAGES:
        tracked = subprocess.run(
            ["git", "ls-files", package], cwd=repository, capture_output=True, text=True, check=True
        ).stdout.split()
        source = package.partition("/")[0]
        expected = {path.removeprefix(f"{source}/") for path in tracked if (repository / path).exists()}
        assert expected <= set(wheel.namelist())
        assert f"{package.partition('/')[2]}/py.typed" in wheel.namelist()


def test_wheel_contains_nothing_else(wheel):
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    info = {top for top in tops if top.endswith(".dist-info")}
    assert tops - info == {package.partition("/")[2] for package in PACKAGES}
    assert not [name for name in wheel.namelist() if name.endswith(".pyc")]


def test_wheel_declares_its_commands(wheel):
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert wheel.read(entry_points).decode().split("\n")[1:3] == [
        "helios-worker = helios_worker.entrypoints.process:main",
        "heliosctl = heliosctl.main:app",
    ]


def documents(repository: Path) -> list[Path]:
    return [*repository.glob("*.md"), *(repository / "docs").rglob("*.md")]


def test_links_between_documents_lead_somewhere(repository):
    broken = [
        f"{document.relative_to(repository)}: {target}"
        for document in documents(repository)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert broken == []


def test_files_that_documents_name_exist(repository):
    """By the end of their path, such as `control/controller.py`: modules move, and documents have to follow."""
    if shutil.which("git") is None or not (repository / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of files to look in")
    tracked = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True).stdout
    missing = [
        f"{document.relative_to(repository)}: {name}"
        for document in documents(repository)
        for name in re.findall(r"`([a-zA-Z0-9_./-]+\.(?:py|js))`", document.read_text())
        if not re.search(rf"(^|/){re.escape(name)}$", tracked, flags=re.MULTILINE)
    ]
    assert missing == []


def test_every_decision_is_listed(repository):
    decisions = repository / "docs/decisions"
    listed = re.findall(r"\((\d{4}-[a-z0-9-]+\.md)\)", (decisions / "README.md").read_text())
    assert listed == sorted(path.name for path in decisions.glob("[0-9]*.md"))


BENCHES = [
    path.with_suffix("").as_posix().replace("/", ".")
    for path in sorted(Path("bench").rglob("*.py"))
    if "node_modules" not in path.parts
    if path.name not in ("__init__.py", "__main__.py")
]


@pytest.mark.parametrize("module", BENCHES)
def test_every_bench_can_be_imported(module):
    """Nobody runs them for weeks; a name that has moved would be found when a figure is needed."""
    importlib.import_module(module)


CODE = ("crds", "worker", "adapters", "operator", "cli", "bench", "scripts", "tests")
MOST_LINES, MOST_METHODS = 300, 12


def test_a_long_file_says_why(repository):
    """A module is one idea; more than 300 lines need a reason in its first comment."""
    files = [path for folder in CODE for ending in ("py", "js") for path in (repository / folder).rglob(f"*.{ending}")]
    ours = [path for path in files if not {"node_modules", "assets", "__pycache__"} & set(path.parts)]
    long = [path for path in ours if len(path.read_text().splitlines()) > MOST_LINES]
    assert {
        path.relative_to(repository).as_posix() for path in long if "Long, because" not in path.read_text()
    } == set()


def test_no_class_has_many_public_methods(repository):
    for path in (path for folder in CODE[:5] for path in (repository / folder).rglob("*.py")):
        for found in ast.walk(ast.parse(path.read_text())):
            if isinstance(found, ast.ClassDef):
                methods = [each for each in found.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
                public = [method.name for method in methods if not method.name.startswith("_")]
                assert len(public) <= MOST_METHODS, f"{path}: {found.name}"
