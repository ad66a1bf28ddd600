"""LoCoMo files: what is read, what is repaired and reported, what is refused."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recollect.evals.dataset import Conversation
from recollect.evals.locomo import load_locomo
from recollect.evals.locomo_notation import normalise_turn_id, parse_evidence, parse_session_date
from recollect.memory.errors import DataFormatError

WriteLocomo = Callable[[Any], Path]


def garden(path: Path) -> Conversation:
    return load_locomo(path).conversations[0]


def test_sessions_come_in_order_whatever_their_order_in_the_file(mini_file: Path) -> None:
    turns = garden(mini_file).turns
    assert [turn.id for turn in turns] == [
        *("D1:1", "D1:2", "D1:3", "D2:1", "D2:2", "D2:3", "D4:1", "D4:3", "D4:4"),
    ]
    assert [(turn.session, turn.position) for turn in turns[-3:]] == [(4, 1), (4, 3), (4, 4)]


def test_a_dataset_knows_its_name_and_the_digest_of_its_bytes(mini_file: Path) -> None:
    dataset = load_locomo(mini_file)
    assert dataset.name == "mini.json"
    assert dataset.sha256 == hashlib.sha256(mini_file.read_bytes()).hexdigest()
    assert dataset.release is None
    assert [one.speakers for one in dataset.conversations] == [("Ines", "Tomas"), ("Wen", "Aoife")]


def test_an_image_turn_reads_as_its_text_and_caption(mini_file: Path) -> None:
    texts = {turn.id: turn.text for turn in garden(mini_file).turns}
    assert texts["D2:2"] == "Look! [shares a photo: a red wheelbarrow]"
    assert texts["D2:3"] == "[shares a photo: a row of seedlings]"
    assert texts["D4:4"] == "Here [shares a photo]"
    assert texts["D4:3"] == "She bakes bread."


def test_the_query_an_image_was_searched_with_is_never_read(mini_file: Path) -> None:
    assert "secret" in mini_file.read_text()
    assert "secret" not in repr(load_locomo(mini_file))


def test_turns_carry_the_date_of_their_session(mini_file: Path) -> None:
    said_at = {turn.session: turn.said_at for turn in garden(mini_file).turns}
    assert said_at[1] == datetime(2024, 2, 29, 13, 56, tzinfo=UTC)
    assert said_at[2] == datetime(2024, 3, 1, 0, 5, tzinfo=UTC)


def test_a_session_without_a_date_gets_the_date_before_it_and_is_reported(mini_file: Path) -> None:
    conversation = garden(mini_file)
    assert conversation.turns[-1].said_at == datetime(2024, 3, 1, 0, 5, tzinfo=UTC)
    assert ("session_4", "", "session without a date; it gets that of its neighbour") in oddities(conversation)


def test_a_first_session_without_a_date_gets_the_date_after_it(
    conversations: list[Any], write_locomo: WriteLocomo
) -> None:
    conversations[0]["conversation"]["session_1_date_time"] = None
    first = garden(write_locomo(conversations)).turns[0]
    assert (first.session, first.said_at) == (1, datetime(2024, 3, 1, 0, 5, tzinfo=UTC))


def oddities(conversation: Conversation) -> list[tuple[str, str, str]]:
    return [(problem.where, problem.raw, problem.reason) for problem in conversation.problems]


def test_everything_left_out_or_repaired_is_reported(mini_file: Path) -> None:
    assert oddities(garden(mini_file)) == [
        ("session_3", "", "session without turns; left out"),
        ("session_5", "", "session without turns; left out"),
        ("session_4", "", "session without a date; it gets that of its neighbour"),
        ("session_4", "D4:2", "turn without text or image; left out"),
        ("conv-1/q3", "", "question without evidence"),
        ("conv-1/q4", "D", "evidence that names no turn; left out of the gold"),
        ("conv-1/q4", "D9:9", "evidence names an absent turn; left out of the gold"),
        ("conv-1/q7", "D4:2", "evidence names an absent turn; left out of the gold"),
    ]
    assert load_locomo(mini_file).problems == garden(mini_file).problems


def test_a_turn_that_stands_elsewhere_than_its_id_says_is_found_by_its_id_and_reported(
    conversations: list[Any], write_locomo: WriteLocomo
) -> None:
    conversations[1]["conversation"]["session_1"][2]["dia_id"] = "D7:5"
    conversations[1]["qa"][0]["evidence"] = ["D7:5"]
    conversation = load_locomo(write_locomo(conversations)).conversations[1]
    assert conversation.questions[0].evidence == ("D7:5",)
    assert (conversation.turns[2].session, conversation.turns[2].position) == (1, 3)
    assert [(problem.where, problem.raw) for problem in conversation.problems] == [("session_1", "D7:5")]


def test_evidence_is_normalised_and_keeps_only_turns_that_exist(mini_file: Path) -> None:
    evidence = {question.id: question.evidence for question in garden(mini_file).questions}
    assert evidence == {
        "conv-1/q1": ("D2:1", "D1:3"),
        "conv-1/q2": ("D1:1",),
        "conv-1/q3": (),
        "conv-1/q4": ("D1:3",),
        "conv-1/q5": ("D4:1", "D4:3"),
        "conv-1/q6": ("D4:3",),
        "conv-1/q7": (),
    }


def test_numbers_become_answers_in_text(mini_file: Path) -> None:
    answers = [question.answers for question in garden(mini_file).questions]
    assert answers[1] == ("2024",)
    assert answers[4] == ("0.5",)


def test_each_category_has_its_name_and_its_rule(mini_file: Path) -> None:
    assert [(one.category, one.rule.value) for one in garden(mini_file).questions] == [
        ("multi-hop", "list"),
        ("temporal", "plain"),
        ("open-domain", "first"),
        ("single-hop", "plain"),
        ("single-hop", "plain"),
        ("adversarial", "abstain"),
        ("single-hop", "plain"),
    ]
    assert load_locomo(mini_file).categories == ("multi-hop", "temporal", "open-domain", "single-hop", "adversarial")


def test_the_answer_of_an_adversarial_question_is_a_trap(mini_file: Path) -> None:
    adversarial = garden(mini_file).questions[5]
    assert (adversarial.is_unanswerable, adversarial.answers, adversarial.trap) == (True, (), "Ines")
    assert garden(mini_file).questions[0].trap is None


def test_an_adversarial_question_with_an_answer_is_still_answered_by_abstaining(
    conversations: list[Any], write_locomo: WriteLocomo
) -> None:
    conversations[0]["qa"][5]["answer"] = "No"
    conversation = garden(write_locomo(conversations))
    assert conversation.questions[5].answers == ()
    reason = "adversarial question with an answer; right is to abstain"
    assert ("conv-1/q6", "No", reason) in oddities(conversation)


@pytest.mark.parametrize("answer", [None, " "])
def test_a_question_without_an_answer_is_kept_for_retrieval_and_reported(
    conversations: list[Any], write_locomo: WriteLocomo, answer: str | None
) -> None:
    conversations[1]["qa"][0]["answer"] = answer
    conversation = load_locomo(write_locomo(conversations)).conversations[1]
    assert (conversation.questions[0].answers, conversation.questions[0].evidence) == ((), ("D1:1", "D1:3"))
    reason = "question without an answer; its answers cannot be scored"
    assert oddities(conversation) == [("conv-2/q1", answer or "", reason)]


def test_a_question_without_a_text_is_left_out_and_the_others_keep_their_numbers(
    conversations: list[Any], write_locomo: WriteLocomo
) -> None:
    conversations[0]["qa"][0]["question"] = "  "
    conversation = garden(write_locomo(conversations))
    assert [question.id for question in conversation.questions][:2] == ["conv-1/q2", "conv-1/q3"]
    assert ("conv-1/q1", "", "question without a text; left out") in oddities(conversation)


def test_evidence_means_the_first_of_two_turns_with_one_id(
    conversations: list[Any], write_locomo: WriteLocomo
) -> None:
    conversations[1]["conversation"]["session_1"][1]["dia_id"] = "D1:1"
    conversation = load_locomo(write_locomo(conversations)).conversations[1]
    assert [turn.id for turn in conversation.turns] == ["D1:1", "D1:1#2", "D1:3"]
    assert conversation.questions[0].evidence == ("D1:1", "D1:3")
    assert oddities(conversation) == [("session_1", "D1:1", "an id of two turns; evidence means the first")]


def test_two_conversations_of_one_name_are_told_apart(conversations: list[Any], write_locomo: WriteLocomo) -> None:
    conversations[1]["sample_id"] = "conv-1"
    later = load_locomo(write_locomo(conversations)).conversations[1]
    assert (later.id, later.questions[0].id) == ("conv-1#2", "conv-1#2/q1")
    assert oddities(later) == [("sample_id", "conv-1", "a name of two conversations; the later one got a number")]


def test_a_turn_without_text_is_its_photo_or_left_out(conversations: list[Any], write_locomo: WriteLocomo) -> None:
    turns = conversations[1]["conversation"]["session_1"]
    turns[0]["text"], turns[0]["img_url"] = None, []
    del turns[1]["text"]
    turns[1]["blip_caption"] = "a bunk bed"
    conversation = load_locomo(write_locomo(conversations)).conversations[1]
    assert [turn.text for turn in conversation.turns] == [
        "[shares a photo: a bunk bed]",
        "Hardly, the heating roared.",
    ]
    assert ("session_1", "D1:1", "turn without text or image; left out") in oddities(conversation)


def test_a_session_dated_before_an_earlier_one_is_reported(
    conversations: list[Any], write_locomo: WriteLocomo
) -> None:
    conversations[0]["conversation"]["session_2_date_time"] = "1:56 pm on 28 February, 2024"
    reason = "session dated before an earlier one; order and date are kept"
    assert ("session_2", "", reason) in oddities(garden(write_locomo(conversations)))


def test_sessions_keep_the_names_of_the_file(mini_file: Path) -> None:
    assert garden(mini_file).session_names == {1: "session_1", 2: "session_2", 4: "session_4"}


@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        (["D8:6; D9:17"], ("D8:6", "D9:17")),
        (["D:11:26"], ("D11:26",)),
        (["D30:05"], ("D30:5",)),
        (["D1:1 D1:2", "D1:3,D1:4"], ("D1:1", "D1:2", "D1:3", "D1:4")),
        ("D1:1, D2:1", ("D1:1", "D2:1")),
        ('["D1:1", "D2:1"]', ("D1:1", "D2:1")),
        ([["D1:1"], "(D2:10)"], ("D1:1", "D2:10")),
        (["D1:1", "D1:01", "D:1:1"], ("D1:1",)),
        (None, ()),
        ([""], ()),
    ],
)
def test_evidence_is_read_in_every_form_it_was_written(raw: object, ids: tuple[str, ...]) -> None:
    evidence = parse_evidence(raw)
    assert (evidence.ids, evidence.unreadable) == (ids, ())


@pytest.mark.parametrize(
    ("raw", "ids", "unreadable"),
    [
        (["D1:1", "D"], ("D1:1",), ("D",)),
        (["D1:1 somewhere"], ("D1:1",), ("somewhere",)),
        (["D1:3:5"], (), ("D1:3:5",)),
        (["D1:3-D1:5"], (), ("D1:3-D1:5",)),
        (["D1:1D1:2"], (), ("D1:1D1:2",)),
        ([7, {"turn": 1}], (), ("7", '{"turn": 1}')),
    ],
)
def test_what_names_no_turn_is_handed_back_and_not_guessed(
    raw: object, ids: tuple[str, ...], unreadable: tuple[str, ...]
) -> None:
    evidence = parse_evidence(raw)
    assert (evidence.ids, evidence.unreadable) == (ids, unreadable)


def test_a_turn_id_with_more_around_it_is_no_turn_id() -> None:
    assert normalise_turn_id(" D30:05 ") == "D30:5"
    assert normalise_turn_id("D1:2 D1:3") is None
    assert normalise_turn_id("session 1") is None


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("12:00 am on 8 May, 2023", 0),
        ("1:56 am on 8 May, 2023", 1),
        ("12:00 pm on 8 May, 2023", 12),
        ("11:59 pm on 8 May, 2023", 23),
    ],
)
def test_clock_times_are_read_as_twelve_hour_times(text: str, hour: int) -> None:
    date = parse_session_date(text)
    assert date is not None
    assert (date.year, date.month, date.day, date.hour) == (2023, 5, 8, hour)


@pytest.mark.parametrize(
    "text",
    [
        "8 May, 2023",
        "1:56 pm on 8 May 2023",
        "1:56 PM on 8 May, 2023",
        "13:56 pm on 8 May, 2023",
        "0:56 pm on 8 May, 2023",
        "1:66 pm on 8 May, 2023",
        "1:56 pm on 31 April, 2023",
        "1:56 pm on 8 Mai, 2023",
        "1:56 pm on 8 May, 2023 or so",
    ],
)
def test_dates_of_another_form_are_not_dates(text: str) -> None:
    assert parse_session_date(text) is None


def bend(conversations: list[Any], *trail: str | int, value: object) -> list[Any]:
    target: Any = conversations
    for key in trail[:-1]:
        target = target[key]
    target[trail[-1]] = value
    return conversations


@pytest.mark.parametrize(
    ("trail", "value", "where"),
    [
        ((1, "conversation", "session_1", 2, "speaker"), 7, "conversation conv-2, conversation.session_1[2].speaker"),
        ((1, "conversation", "session_1", 0, "text"), 8, "conversation conv-2, conversation.session_1[0].text"),
        (
            (1, "conversation", "session_1", 1, "dia_id"),
            "two",
            "conversation conv-2, conversation.session_1[1].dia_id",
        ),
        ((1, "conversation", "session_1"), "hello", "conversation conv-2, conversation.session_1"),
        ((1, "conversation", "session_1"), [], "no session has both turns and a date"),
        ((1, "conversation", "session_1_date_time"), "3 June", 'write it as "1:56 pm on 8 May, 2023"'),
        ((1, "conversation", "session_1_date_time"), None, "no session has both turns and a date"),
        ((1, "conversation"), [], "conversation conv-2, conversation: expected an object, found a list"),
        ((1, "qa", 0, "category"), 6, "conversation conv-2, qa[0].category: 6 is no category"),
        ((1, "qa", 0, "category"), True, "expected a whole number, found true or false"),
        ((1, "qa", 0, "answer"), ["a"], "conversation conv-2, qa[0].answer: expected text, found a list"),
        ((1, "sample_id"), " ", "[1].sample_id: the conversation has no name"),
        ((1,), "text", "[1]: expected an object, found text"),
    ],
)
def test_a_malformed_file_is_refused_by_file_conversation_and_key(
    conversations: list[Any],
    write_locomo: WriteLocomo,
    trail: tuple[str | int, ...],
    value: object,
    where: str,
) -> None:
    path = write_locomo(bend(conversations, *trail, value=value))
    with pytest.raises(DataFormatError) as refusal:
        load_locomo(path)
    assert str(path) in str(refusal.value)
    assert where in str(refusal.value)


def test_a_missing_key_is_refused_by_name(conversations: list[Any], write_locomo: WriteLocomo) -> None:
    del conversations[0]["qa"][1]["category"]
    with pytest.raises(DataFormatError, match=r"conversation conv-1, qa\[1\]\.category: the key is missing"):
        load_locomo(write_locomo(conversations))


def test_one_conversation_outside_a_list_is_refused(conversations: list[Any], write_locomo: WriteLocomo) -> None:
    with pytest.raises(DataFormatError, match="expected a list, found an object"):
        load_locomo(write_locomo(conversations[0]))


def test_a_file_without_conversations_is_refused(write_locomo: WriteLocomo) -> None:
    with pytest.raises(DataFormatError, match="holds no conversation"):
        load_locomo(write_locomo([]))


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=r"broken\.json is no JSON"):
        load_locomo(path)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"absent\.json cannot be read"):
        load_locomo(tmp_path / "absent.json")
