"""add: one turn, from an argument or from stdin."""

from pathlib import Path

from .conftest import Run, parsed


def test_a_turn_is_stored_verbatim_with_all_its_fields(run: Run) -> None:
    options = ("--speaker", "Alice", "--said-at", "2026-03-02T18:00", "--session", "7", "--ref", "chat-7")
    turn = parsed(run("add", "  Ünïcode 🎹\tand\nlines ", *options, "--conversation", "friends", "--json"))
    assert turn["text"] == "  Ünïcode 🎹\tand\nlines "
    assert (turn["speaker"], turn["said_at"], turn["session"]) == ("Alice", "2026-03-02T18:00:00", "7")
    assert (turn["ref"], turn["conversation"], turn["user"]) == ("chat-7", "friends", "default")


def test_the_user_is_the_speaker_unless_told(run: Run) -> None:
    assert parsed(run("--user", "ann", "add", "Hello", "--json"))["speaker"] == "ann"


def test_what_is_added_without_a_speaker_answers_as_ones_own_words(run: Run) -> None:
    assert run("add", "I adopted a beagle called Biscuit yesterday.", "--said-at", "2026-03-02T18:00").exit_code == 0
    assert parsed(run("ask", "When did I adopt my dog?", "--json"))["answer"].startswith("1 March 2026: you said")


def test_options_of_the_command_go_before_those_of_the_group(run: Run) -> None:
    assert parsed(run("--user", "ann", "add", "Hello", "--user", "ben", "--json"))["user"] == "ben"


def test_a_dash_reads_stdin_without_its_last_line_feed(run: Run) -> None:
    assert parsed(run("add", "-", "--json", stdin="one\ntwo\n"))["text"] == "one\ntwo"


def test_what_cannot_be_stored_is_refused_and_stores_nothing(run: Run, recollect_home: Path) -> None:
    assert run("add", "kept").exit_code == 0
    for text, stdin in (("", None), ("-", b"\xff\xfe"), ("-", b" \n"), ("-", b"a\x00b")):
        result = run("add", text, stdin=stdin)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("Error: ")
    assert parsed(run("stats", "--json"))["turns"] == 1
    assert (recollect_home / "memory.db").exists()
