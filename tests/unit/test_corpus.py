"""The corpus itself: every page has its file, every expectation is well between two values at every rate."""

from fractions import Fraction

import pytest

from tests.barcode import MODULUS
from tests.integration.compositions import PAGES as FOLDER
from tests.integration.corpus import PAGES, Moment


def test_each_page_has_a_file_and_each_file_a_page():
    assert sorted(page.name for page in PAGES) == sorted(file.stem for file in FOLDER.glob("*.html"))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_expectations_are_numbers_a_barcode_can_show(page):
    for rate in ("24", "30", "60", "30000/1001") if page.everywhere else ("30",):
        for frame in range(91):
            for expected in page.lines.values():
                assert 0 <= expected(Moment(frame, Fraction(rate))) < MODULUS
