"""Processors and memory as the cgroup grants them. The files stand in for those of machines we do not have."""

import os

import pytest

from helios_worker import machine

CPU_V2 = "/sys/fs/cgroup/cpu.max"
QUOTA_V1 = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"
PERIOD_V1 = "/sys/fs/cgroup/cpu/cpu.cfs_period_us"
MEMORY_V2 = "/sys/fs/cgroup/memory.max"
MEMORY_V1 = "/sys/fs/cgroup/memory/memory.limit_in_bytes"


@pytest.fixture
def on(monkeypatch):
    """Puts this process on a machine with these cgroup files and so many processors in its affinity."""

    def pretend(files: dict[str, str], processors: int = 64) -> None:
        monkeypatch.setattr(machine, "_read", files.get)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(processors)))

    return pretend


@pytest.mark.parametrize(
    ("files", "processors", "count"),
    [
        pytest.param({}, 6, 6, id="no cgroup: the affinity"),
        pytest.param({CPU_V2: "max 100000"}, 6, 6, id="no quota"),
        pytest.param({CPU_V2: "200000 100000"}, 64, 2, id="two of many"),
        pytest.param({CPU_V2: "50000 100000"}, 64, 1, id="half a processor"),
        pytest.param({CPU_V2: "10000 100000"}, 64, 1, id="a tenth is still one"),
        pytest.param({CPU_V2: "150000 100000"}, 64, 2, id="one and a half"),
        pytest.param({CPU_V2: "140000 100000"}, 64, 1, id="less than one and a half"),
        pytest.param({CPU_V2: "800000 100000"}, 2, 2, id="affinity below the quota"),
        pytest.param({QUOTA_V1: "-1", PERIOD_V1: "100000"}, 4, 4, id="version 1: no quota"),
        pytest.param({QUOTA_V1: "300000", PERIOD_V1: "100000"}, 64, 3, id="version 1: three"),
    ],
)
def test_cpu_count(on, files, processors, count):
    on(files, processors)
    assert machine.cpu_count() == count


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        pytest.param({}, None, id="no cgroup"),
        pytest.param({MEMORY_V2: "max"}, None, id="no limit"),
        pytest.param({MEMORY_V2: "536870912"}, 512 << 20, id="version 2"),
        pytest.param({MEMORY_V1: "1073741824"}, 1 << 30, id="version 1"),
        pytest.param({MEMORY_V1: "9223372036854771712"}, None, id="version 1: its word for none"),
        pytest.param({MEMORY_V2: "max", MEMORY_V1: "1073741824"}, 1 << 30, id="both"),
    ],
)
def test_memory_limit(on, files, limit):
    on(files)
    assert machine.memory_limit() == limit


def test_this_machine_answers():
    assert 1 <= machine.cpu_count() <= len(os.sched_getaffinity(0))
    assert machine.cpu_class()
    assert machine.package_version()
