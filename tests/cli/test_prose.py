"""Prose: broken between words on a terminal, untouched in a pipe."""

import pytest

from recollect.cli.prose import ProseStream, show_prose

WORDS = "You said on 2 March 2026, “I adopted a beagle called Biscuit yesterday.” [1]"
WRAPPED = ["You said on 2 March 2026, “I adopted a", "beagle called Biscuit yesterday.” [1]"]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 40 columns, as rich is told of one."""
    for name, value in (("TTY_COMPATIBLE", "1"), ("COLUMNS", "40"), ("NO_COLOR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("terminal")
def test_lines_break_between_words_and_hang_under_their_indent(capsys: pytest.CaptureFixture[str]) -> None:
    show_prose(WORDS)
    assert capsys.readouterr().out.splitlines() == WRAPPED
    show_prose("one\ntwo " + "x" * 36, indent="  ", hanging="  ")
    assert capsys.readouterr().out.splitlines() == ["  one", "    two", "    " + "x" * 36]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pieces_as_they_come_break_where_the_whole_would(size: int, capsys: pytest.CaptureFixture[str]) -> None:
    stream = ProseStream()
    for start in range(0, len(WORDS), size):
        stream.write(WORDS[start : start + size])
    stream.write("\n\nA list:\n- 日本語 \x1b[31mred")
    stream.end()
    shown = capsys.readouterr().out
    assert [line.rstrip() for line in shown.splitlines()] == [*WRAPPED, "", "A list:", "- 日本語 \ufffd[31mred"]


@pytest.mark.usefixtures("terminal")
def test_a_stream_of_nothing_leaves_no_empty_line(capsys: pytest.CaptureFixture[str]) -> None:
    ProseStream().end()
    assert capsys.readouterr().out == ""


def test_a_pipe_gets_the_pieces_as_they_come_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    stream = ProseStream()
    stream.write("Half a wo")
    assert capsys.readouterr().out == "Half a wo"
    stream.write("rd, " + "long " * 50)
    stream.end()
    assert capsys.readouterr().out == "rd, " + "long " * 50 + "\n"
    show_prose("long " * 50 + "line")
    assert capsys.readouterr().out == "long " * 50 + "line\n"
