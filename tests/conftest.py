"""What all tests share: each test is marked by the folder it lies in."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LEVELS = {"unit", "integration", "e2e"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(TESTS) and (level := item.path.relative_to(TESTS).parts[0]) in LEVELS:
            item.add_marker(level)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return TESTS.parent
