"""This user's key to what recordings say of headers, and paths in home folders that are not there."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helios_worker.errors import UserError
from heliosctl.arguments.headers import KEY_BYTES, own_key
from heliosctl.arguments.paths import expanded, own_folder


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "helios" / "headers.key"


def test_many_commands_at_once_make_one_key(file: Path):
    with ThreadPoolExecutor(8) as commands:
        keys = set(commands.map(lambda _: own_key(), range(32)))
    assert keys == {file.read_bytes()}
    assert len(keys.pop() or b"") == KEY_BYTES
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("left", [b"", b"half"])
def test_a_key_that_was_not_written_to_its_end_is_made_again(file: Path, left: bytes):
    file.parent.mkdir()
    file.write_bytes(left)
    key = own_key()
    assert key == own_key() == file.read_bytes()
    assert len(key or b"") == KEY_BYTES


def test_without_a_place_there_is_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert own_key() is None


def test_a_home_folder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UserError, match="~nobody-of-this-name/a cannot be found: there is no such home folder"):
        expanded("~nobody-of-this-name/a")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    assert own_folder("XDG_CACHE_HOME", ".cache") == Path("/home/me/.cache")
