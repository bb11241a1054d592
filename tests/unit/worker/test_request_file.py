"""A plan's request that comes as a file."""

import json
from pathlib import Path

import pytest

from helios_worker.artifacts.allowed_stores import AllowedStores
from helios_worker.entrypoints.one_shot import keep_request
from helios_worker.errors import UserError

EVERYWHERE = AllowedStores.everywhere()


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_it_is_stored_where_the_plan_looks(tmp_path: Path):
    request = write(tmp_path / "request.json", {"composition": {"url": "page.html", "props": {"a": 1}}})
    props = [write(tmp_path / "0", {"a": 2, "b": 2, "c": 2}), write(tmp_path / "1", {"c": 3})]
    keep_request(f"file://{tmp_path}/store/requests/abc.json", request, props, EVERYWHERE)
    stored = json.loads((tmp_path / "store/requests/abc.json").read_text())
    assert stored["composition"]["props"] == {"a": 1, "b": 2, "c": 3}


def test_what_is_no_object_is_refused(tmp_path: Path):
    request = write(tmp_path / "request.json", {"composition": {"url": "page.html"}})
    with pytest.raises(UserError, match="does not hold a JSON object"):
        keep_request(f"file://{tmp_path}/store/requests/abc.json", request, [write(tmp_path / "0", [1])], EVERYWHERE)
