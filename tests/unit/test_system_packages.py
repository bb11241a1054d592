"""scripts/system-packages.sh: what it installs, and what it says where it cannot.

apt, dpkg and the user's id are stand-ins on a PATH of the test's own: the real ones would change the machine.
"""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FONTS = "fonts-liberation fonts-dejavu-core fonts-inter fonts-noto-color-emoji fonts-noto-core fonts-noto-cjk"
Machine = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def machine(repository: Path, tmp_path: Path) -> Machine:
    """Run the script where only the named programs exist; apt's arguments go to tmp_path/apt."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "env", "mktemp", "rm", "tail"):
        found = shutil.which(tool)
        assert found, tool
        (tools / tool).symlink_to(found)

    def program(name: str, body: str = "exit 0") -> None:
        path = tools / name
        path.write_text(f"#!{tools}/bash\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(
        *arguments: str,
        programs: str = "",
        fonts: bool = False,
        apt: str | None = None,
        user: int = 0,
        **env: str,
    ) -> subprocess.CompletedProcess[str]:
        program("id", f"echo {user}")
        for name in programs.split():
            program(name)
        if apt is not None:
            program("apt-get", f'echo "$*" >>{tmp_path}/apt\n{apt}')
            program("dpkg-query", "echo -n installed" if fonts else "exit 1")
        return subprocess.run(
            [str(tools / "bash"), str(repository / "scripts/system-packages.sh"), *arguments],
            env={"PATH": str(tools), "TMPDIR": str(tmp_path), "PYTHON": sys.executable, **env},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_nothing_missing_nothing_said(machine, tmp_path):
    result = machine("tests", programs="chromium-headless-shell node npm faketime", fonts=True, apt="exit 0")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert not (tmp_path / "apt").exists()


def test_root_on_debian_installs_what_is_missing_and_says_so(machine, tmp_path):
    result = machine(apt="exit 0")
    assert result.returncode == 0
    assert f"chromium-headless-shell {FONTS}" in result.stderr
    assert (tmp_path / "apt").read_text().splitlines() == [
        "update",
        f"install --yes --no-install-recommends chromium-headless-shell {FONTS}",
    ]


def test_node_is_for_the_tests_alone(machine):
    assert machine(programs="chrome-headless-shell", fonts=True, apt="exit 0").stderr == ""
    assert "nodejs npm" in machine("tests", apt="exit 0").stderr


def test_failed_install_shows_why(machine, tmp_path):
    result = machine(apt="echo 'E: no space left'; exit 100")
    assert result.returncode == 1
    assert "E: no space left" in result.stderr


def test_user_on_debian_is_told_the_command(machine, tmp_path):
    result = machine(apt="exit 0", user=1000)
    assert result.returncode == 1
    assert f"sudo apt-get install --no-install-recommends chromium-headless-shell {FONTS}" in result.stderr
    assert not (tmp_path / "apt").exists()


def test_missing_fonts_do_not_stop_a_user(machine):
    result = machine(programs="chrome-headless-shell", apt="exit 0", user=1000)
    assert result.returncode == 0
    assert FONTS in result.stderr


def test_elsewhere_a_shell_on_the_path_will_do(machine):
    result = machine(programs="chrome-headless-shell")
    assert (result.returncode, result.stderr) == (0, "")


def test_elsewhere_without_a_browser_it_says_what_to_install(machine):
    result = machine(programs="chromium google-chrome")
    assert result.returncode == 1
    assert "HELIOS_CHROMIUM" in result.stderr
    assert "chrome-headless-shell" in result.stderr


def test_named_browser_is_used_and_must_exist(machine, tmp_path):
    browser = tmp_path / "shell"
    refused = machine(HELIOS_CHROMIUM=os.fspath(browser))
    assert refused.returncode == 1
    assert str(browser) in refused.stderr
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    assert machine(HELIOS_CHROMIUM=os.fspath(browser)).returncode == 0
