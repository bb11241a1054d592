import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios_crds.text import one_line, printable_lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("a\nb\t c\r\nd", "a b c d", id="one line"),
        pytest.param("\x1b[1;31mred\x1b[0m", "red", id="colours"),
        pytest.param("\x9b31mred", "red", id="colours in one byte"),
        pytest.param("\x1b]0;owned\x07title", "title", id="a window's title, ended by a bell"),
        pytest.param("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link", id="links, ended by ST"),
        pytest.param("\x1bP1$r0m\x1b\\status", "status", id="device control"),
        pytest.param("\x1b^hidden\x1b\\\x1b_too\x1b\\\x1bXas well\x1b\\shown", "shown", id="private messages"),
        pytest.param("\x9d0;owned\x9cshown", "shown", id="in one byte"),
        pytest.param("\x1bcreset \x1b7saved\x1b(B", "reset saved", id="short escapes"),
        pytest.param("\x1b]0;never ends\nnext", "next", id="one that never ends, to its line's end"),
        pytest.param("\x1b[", "", id="half of one"),
        pytest.param("4pm\N{RIGHT-TO-LEFT OVERRIDE}x\N{ZERO WIDTH SPACE}", "4pmx", id="what turns and hides"),
        pytest.param(
            "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}", "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}", id="joined"
        ),
        pytest.param("half \ud800", "half ?", id="half of a surrogate pair"),
    ],
)
def test_what_is_shown(text, line):
    assert one_line(text, 100) == line


def test_the_end_of_a_long_one_is_kept_or_its_start():
    assert one_line("abcdef", 4) == "…def"
    assert one_line("abcdef", 4, keep_start=True) == "abc…"


@given(st.text(), st.integers(1, 50))
def test_nothing_of_it_controls_a_terminal(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line == "" or line.isprintable() or "\u200d" in line or "\u200c" in line


def test_lines_and_their_indentation_are_kept():
    text = "the page failed\n    console \x1b]0;owned\x07log: \x1b[31mred\x1b[0m\r\n\x1b]0;never ends\nnext"
    assert printable_lines(text) == "the page failed\n    console log: red\n\nnext"
