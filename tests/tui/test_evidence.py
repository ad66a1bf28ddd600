"""What is shown of an answer's memories, and how words read on the screen."""

from datetime import UTC, date, datetime

from recollect.agent.types import Answer, Citation, Mark
from recollect.memory.types import Context, Heat, ScoredMemory, Turn
from recollect.tui.evidence import bars_of, of_answer
from recollect.tui.words import age, as_lines, counted, figure, linked, moment, sized, took, visible, with_links

NOON = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)


def turn(number: int, text: str) -> Turn:
    return Turn(
        id=number,
        user="ann",
        conversation="default",
        session="1",
        position=number,
        speaker="Ann",
        text=text,
        said_at=NOON,
    )


def scored(memory: Turn, *, lexical: float, dense: float, heat: tuple[Heat, ...] = ()) -> ScoredMemory:
    stages = {"lexical": lexical, "dense": dense, "fused": 1.0}
    return ScoredMemory(memory=memory, score=lexical, stages=stages, heat=heat)


def test_cited_memories_come_first_then_the_best_with_bars_and_heat() -> None:
    red, blue, green = turn(1, "a red one"), turn(2, "a blue one"), turn(3, "a green one")
    heat = (Heat(start=2, end=6, share=0.75), Heat(start=7, end=10, share=0.25))
    ranked = (
        scored(red, lexical=4.0, dense=0.5),
        scored(blue, lexical=2.0, dense=-0.5, heat=heat),
        scored(green, lexical=3.0, dense=0.0),
    )
    context = Context(memories=(red, blue, green), scores=(4.0, 2.0, 3.0), text="…", tokens=9, budget=50)
    answer = Answer(
        text="Blue [2].",
        citations=(Citation(number=2, turn=blue),),
        context=context,
        abstained=False,
        timings={},
        ranked=ranked,
    )
    evidence = of_answer(answer, "Why")
    assert [(one.number, one.is_cited) for one in evidence.memories] == [(2, True), (1, False), (3, False)]
    assert (evidence.tokens, evidence.budget) == (9, 50)
    first = evidence.memories[0]
    assert [(bar.stage, bar.share) for bar in first.bars] == [("lexical", 0.5), ("dense", 0.0)]
    assert [word.text for word in first.heat] == ["blue", "one"]
    assert evidence.numbered(3) == 2
    assert evidence.numbered(9) is None
    assert [one.number for one in evidence.without(frozenset({1})).memories] == [2, 3]
    corrected = evidence.corrected(turn(2, "a teal one")).memories[0]
    assert (corrected.memory.text, corrected.heat) == ("a teal one", ())


def test_the_share_of_an_answer_that_a_cited_memory_carried_is_a_bar() -> None:
    red, blue = turn(1, "a red one"), turn(2, "a blue one")
    answer = Answer(
        text="Blue [2].",
        citations=(Citation(number=2, turn=blue, share=0.84),),
        context=Context(memories=(red, blue), scores=(4.0, 2.0), text="…", tokens=9, budget=50),
        abstained=False,
        timings={},
        ranked=(scored(red, lexical=4.0, dense=0.5), scored(blue, lexical=2.0, dense=0.1)),
    )
    first, second = of_answer(answer, "Why").memories
    assert [bar.stage for bar in second.bars] == ["lexical", "dense"]
    assert [(bar.stage, bar.score, bar.share) for bar in first.bars[2:]] == [("of the answer", 0.84, 0.84)]


def test_a_stage_without_a_spread_draws_no_bar() -> None:
    bars = bars_of([scored(turn(1, "a"), lexical=0.0, dense=0.0)])
    assert [bar.share for bar in bars[1]] == [0.0, 0.0]
    assert bars_of([]) == {}
    bars = bars_of([scored(turn(1, "a"), lexical=1.77e-6, dense=0.2), scored(turn(2, "b"), lexical=0.0, dense=0.4)])
    assert [bar.share for bar in bars[1]] == [0.0, 0.5]


def test_citations_become_links_and_quoted_numbers_do_not() -> None:
    text = "You said “see [7]” [1, 3]."
    marks = (Mark(start=19, end=25, numbers=(1, 3)),)
    assert linked(text, marks) == r"You said “see [7]” [\[1\]](cite:1) [\[3\]](cite:3)."
    assert as_lines("a\nb\n\nc  \nd") == "a  \nb\n\nc  \nd"


def test_scores_read_as_at_most_three_digits() -> None:
    scores = (0.0, 1.77e-6, -0.004, 0.005, -0.128, 0.5, 9.994, 9.996, 12.34, 99.96, 123.4, 1234.0, -1e6)
    figures = ["0.00", "0.00", "0.00", "0.01", "-0.13", "0.50", "9.99", "10.0", "12.3", "100", "123", "1,230"]
    assert [figure(score) for score in scores] == [*figures, "-1,000,000"]


def test_text_that_is_no_markdown_keeps_every_character_and_its_citations_are_links() -> None:
    text = "You said “*a* [7]\x1b” [1, 3]."
    content = with_links(text, (Mark(start=text.index("[1"), end=len(text) - 1, numbers=(1, 3)),))
    assert content.plain == "You said “*a* [7]�” [1] [3]."
    assert [content.plain[span.start : span.end] for span in content.spans] == ["[1]", "[3]"]


def test_stored_text_cannot_steer_the_terminal() -> None:
    assert visible("a\x1b[31m\tb\nc\x9b") == "a�[31m    b\nc�"


def test_numbers_and_days_read_as_people_write_them() -> None:
    assert [sized(n) for n in (12, 1200, 428_000, 5_000_000_000)] == ["12 B", "1.2 KB", "428 KB", "5.0 GB"]
    assert [took(n) for n in (85.4, 1234.0)] == ["85 ms", "1.2 s"]
    assert [counted(n, "turn") for n in (1, 2760)] == ["1 turn", "2,760 turns"]
    assert [moment(NOON), moment(NOON.replace(hour=0, minute=0))] == ["2 Mar 2026 12:30", "2 Mar 2026"]
    today = date(2026, 3, 2)
    days = (today, date(2026, 3, 1), date(2026, 2, 25), date(2026, 1, 9))
    assert [age(day, today) for day in days] == ["Today", "Yesterday", "This week", "January 2026"]
