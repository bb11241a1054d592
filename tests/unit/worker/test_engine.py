"""A worker renders only jobs that were planned with its own software."""

import pytest

from helios_worker.errors import OtherEngine
from helios_worker.jobs.spec import Engine
from helios_worker.rendering.engine import check_engine

HERE = Engine(package="1.0", browser="HeadlessChrome/156", codec="PyAV 18", fonts="abc", cpu="x86-64-v3")


def test_the_same_engine_is_taken() -> None:
    check_engine(HERE, HERE)


def test_another_processor_is_taken() -> None:
    check_engine(HERE, HERE.model_copy(update={"cpu": "x86-64-v4"}))


@pytest.mark.parametrize("part", ["package", "browser", "codec", "fonts"])
def test_other_software_is_refused_by_name(part: str) -> None:
    with pytest.raises(OtherEngine, match=f"{part} .* there, another here") as refused:
        check_engine(HERE, HERE.model_copy(update={part: "another"}))
    assert refused.value.exit_code == 1
