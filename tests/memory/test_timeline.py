"""Date expressions of a turn become the right days, keep their precision, and nothing else becomes a date."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recollect.memory.errors import InvalidInput
from recollect.memory.timeline import annotate, format_day, question_window, resolve_dates
from recollect.memory.types import DateMention

FRIDAY = datetime(2023, 6, 9, 19, 55)


def only(text: str, said_at: datetime = FRIDAY) -> DateMention:
    """Return the one mention of a text."""
    mentions = resolve_dates(text, said_at)
    assert len(mentions) == 1, mentions
    return mentions[0]


DAYS = [
    ("I planted tomatoes yesterday.", "yesterday", "8 June 2023"),
    ("Today I rest.", "Today", "9 June 2023"),
    ("Dinner tonight?", "tonight", "9 June 2023"),
    ("The exam is tomorrow!", "tomorrow", "10 June 2023"),
    ("We sailed the day before yesterday", "the day before yesterday", "7 June 2023"),
    ("We sail the day after tomorrow", "the day after tomorrow", "11 June 2023"),
    ("Last night it rained", "Last night", "8 June 2023"),
    ("I swam this morning", "this morning", "9 June 2023"),
    ("Yesterday evening was calm", "Yesterday evening", "8 June 2023"),
    ("I met her the night before last", "the night before last", "7 June 2023"),
    ("I ran a race last Friday", "last Friday", "2 June 2023"),
    ("I ran a race last  thursday", "last  thursday", "8 June 2023"),
    ("I ran a race this past Monday", "this past Monday", "5 June 2023"),
    ("We joined a choir last Tues.", "last Tues", "6 June 2023"),
    ("She gets married on 2 May", "2 May", "2 May 2024"),
    ("we are leaving on Friday", "Friday", "9 June 2023"),
    ("She got married on 2 May", "2 May", "2 May 2023"),
    ("The party is on Friday", "Friday", "9 June 2023"),
    ("The party is on Sunday night", "Sunday night", "11 June 2023"),
    ("On Monday I went to the dentist", "Monday", "5 June 2023"),
    ("We'll paint this Saturday", "this Saturday", "10 June 2023"),
    ("My class starts next Tuesday", "next Tuesday", "13 June 2023"),
    ("It opens Tuesday next week", "Tuesday next week", "13 June 2023"),
    ("It closed on Monday of last week", "Monday of last week", "29 May 2023"),
    ("That was 2 days ago", "2 days ago", "7 June 2023"),
    ("The train leaves in three days", "in three days", "12 June 2023"),
    ("Born on 7 May 2023", "7 May 2023", "7 May 2023"),
    ("Born on the 7th of May, 2023", "the 7th of May, 2023", "7 May 2023"),
    ("Born on May 7, 2023.", "May 7, 2023", "7 May 2023"),
    ("Born on Sunday, May 7th 2023", "Sunday, May 7th 2023", "7 May 2023"),
    ("Born on Sept. 3, 2021", "Sept. 3, 2021", "3 September 2021"),
    ("due 2023-05-07", "2023-05-07", "7 May 2023"),
    ("due 5/7/2023", "5/7/2023", "7 May 2023"),
    ("due 25/7/23", "25/7/23", "25 July 2023"),
    ("It happened on May 7th", "May 7th", "7 May 2023"),
    ("He proposed on Valentine's Day", "Valentine's Day", "14 February 2023"),
    ("It will happen on 20 december", "20 december", "20 December 2023"),
    ("It will happen on Jan 5", "Jan 5", "5 January 2024"),
    ("We met again on the 3rd", "the 3rd", "3 June 2023"),
    ("We will meet on the 3rd of next month", "the 3rd of next month", "3 July 2023"),
    ("I left the week before last Friday", "last Friday", "2 June 2023"),
    ("I'll go the week after next Tuesday", "next Tuesday", "13 June 2023"),
    ("It opened the year before last Christmas", "last Christmas", "25 December 2022"),
    ("We got it last Christmas", "last Christmas", "25 December 2022"),
    ("What will you wear on Halloween?", "Halloween", "31 October 2023"),
    ("He proposed on New Year’s Eve", "New Year’s Eve", "31 December 2022"),
    ("It snowed at Christmas 2010", "Christmas 2010", "25 December 2010"),
]


@pytest.mark.parametrize(("text", "words", "label"), DAYS)
def test_an_expression_for_a_day_is_exactly_that_day(text: str, words: str, label: str) -> None:
    mention = only(text)
    assert (mention.text, mention.label, mention.granularity) == (words, label, "day")
    assert text[mention.start : mention.end] == words
    assert mention.earliest == mention.latest
    assert format_day(mention.earliest) == label


PERIODS = [
    ("we camped last week", "week", "the week before 9 June 2023", (2023, 5, 29), (2023, 6, 8)),
    ("this week is calm", "week", "the week of 9 June 2023", (2023, 6, 5), (2023, 6, 11)),
    ("I move next week", "week", "the week after 9 June 2023", (2023, 6, 10), (2023, 6, 18)),
    ("we hiked last weekend", "weekend", "the weekend before 9 June 2023", (2023, 6, 3), (2023, 6, 4)),
    ("we hiked over the weekend", "weekend", "the weekend before 9 June 2023", (2023, 6, 3), (2023, 6, 4)),
    ("free this weekend?", "weekend", "the weekend of 10 June 2023", (2023, 6, 10), (2023, 6, 11)),
    ("free next weekend?", "weekend", "the weekend of 17 June 2023", (2023, 6, 17), (2023, 6, 18)),
    ("two weekends ago", "weekend", "two weekends before 9 June 2023", (2023, 5, 27), (2023, 5, 28)),
    ("I quit last month", "month", "May 2023", (2023, 5, 1), (2023, 5, 31)),
    ("I start next month", "month", "July 2023", (2023, 7, 1), (2023, 7, 31)),
    ("I quit last year", "year", "2022", (2022, 1, 1), (2022, 12, 31)),
    ("we sailed last summer", "season", "summer 2022", (2022, 6, 1), (2022, 8, 31)),
    ("we sail this summer", "season", "summer 2023", (2023, 6, 1), (2023, 8, 31)),
    ("we sail next summer", "season", "summer 2024", (2024, 6, 1), (2024, 8, 31)),
    ("we skied last winter", "season", "winter 2022/23", (2022, 12, 1), (2023, 2, 28)),
    ("two weeks ago", "week", "two weeks before 9 June 2023", (2023, 5, 22), (2023, 5, 29)),
    ("I fly in two weeks", "week", "two weeks after 9 June 2023", (2023, 6, 19), (2023, 6, 26)),
    ("the week before last", "week", "two weeks before 9 June 2023", (2023, 5, 22), (2023, 5, 29)),
    ("it broke the week before.", "week", "the week before 9 June 2023", (2023, 5, 29), (2023, 6, 8)),
    ("two months ago", "month", "April 2023", (2023, 4, 1), (2023, 4, 30)),
    ("a month from now", "month", "July 2023", (2023, 7, 1), (2023, 7, 31)),
    ("3 years ago", "year", "2020", (2020, 1, 1), (2020, 12, 31)),
    ("twenty-five years ago", "year", "1998", (1998, 1, 1), (1998, 12, 31)),
    ("eighteen months ago", "month", "December 2021", (2021, 12, 1), (2021, 12, 31)),
    ("about a year ago", "range", "around June 2022", (2022, 3, 1), (2022, 9, 30)),
    ("two decades ago", "range", "around 2003", (1998, 1, 1), (2008, 12, 31)),
    ("a few days ago", "range", "a few days before 9 June 2023", (2023, 6, 3), (2023, 6, 7)),
    ("a few years ago", "range", "a few years before 2023", (2017, 1, 1), (2021, 12, 31)),
    ("a couple of months ago", "range", "a couple of months before June 2023", (2023, 3, 1), (2023, 4, 30)),
    ("two or three years ago", "range", "two or three years before 2023", (2020, 1, 1), (2021, 12, 31)),
    ("a day or two ago", "range", "a day or two before 9 June 2023", (2023, 6, 7), (2023, 6, 8)),
    ("a year and a half ago", "range", "a year and a half before 2023", (2021, 1, 1), (2022, 12, 31)),
    ("I saw her the other day", "range", "a few days before 9 June 2023", (2023, 5, 26), (2023, 6, 8)),
    ("the last two days", "range", "the two days before 9 June 2023", (2023, 6, 7), (2023, 6, 9)),
    ("the past month", "range", "the month before 9 June 2023", (2023, 5, 9), (2023, 6, 9)),
    ("the next few weeks", "range", "the few weeks after 9 June 2023", (2023, 6, 9), (2023, 7, 21)),
    ("we met in May", "month", "May 2023", (2023, 5, 1), (2023, 5, 31)),
    ("we met in october", "month", "October 2022", (2022, 10, 1), (2022, 10, 31)),
    ("we will meet in october", "month", "October 2023", (2023, 10, 1), (2023, 10, 31)),
    ("we met last July", "month", "July 2022", (2022, 7, 1), (2022, 7, 31)),
    ("we met in July of last year", "month", "July 2022", (2022, 7, 1), (2022, 7, 31)),
    ("we met in 2022", "year", "2022", (2022, 1, 1), (2022, 12, 31)),
    ("friends since 2016", "year", "2016", (2016, 1, 1), (2016, 12, 31)),
    ("the summer of 2020", "season", "summer 2020", (2020, 6, 1), (2020, 8, 31)),
    ("music of the 1990s", "range", "the 1990s", (1990, 1, 1), (1999, 12, 31)),
]


@pytest.mark.parametrize(("text", "granularity", "label", "earliest", "latest"), PERIODS)
def test_an_expression_for_a_period_keeps_its_precision(
    text: str, granularity: str, label: str, earliest: tuple[int, int, int], latest: tuple[int, int, int]
) -> None:
    mention = only(text)
    assert (mention.granularity, mention.label) == (granularity, label)
    assert (mention.earliest, mention.latest) == (date(*earliest), date(*latest))


@pytest.mark.parametrize(
    "text",
    [
        "See you at 5 pm, or at 17:30.",
        "I have had him for three years.",
        "We travelled for two weeks and it was great.",
        "I finished it in two weeks",
        "I have not slept in two days",
        "The battery will last two days",
        "You may march on, second to none; the sun is up, wait a sec, now leaves fall.",
        "this may be it, in sum",
        "Come on Mon, take a seat and I may 2 times ask",
        "I have 2 dogs and 12 cats on page 12",
        "It cost 1980 dollars, in 2000 pieces",
        "Call 555-2010 or +1 202 555 0199, room 2022",
        "I jog on Fridays, every Monday, most Saturday mornings, and every May",
        "on the 5th floor, in first place",
        "this is my second week of school, have a nice day, Sunday school",
        "years ago, some day, one day, these days, once a week",
        "the week before the wedding",
        "It happened on 31 February, or 13/13/2023, or 2023-13-01",
        "I had one years ago, or half a year ago, or a hundred and two years ago",
        "two weeks from tomorrow",
        "",
    ],
)
def test_what_is_no_date_stays_unannotated(text: str) -> None:
    assert resolve_dates(text, FRIDAY) == ()


def test_last_weekday_said_on_that_weekday_is_a_week_before() -> None:
    assert only("last Friday was fun", FRIDAY).label == "2 June 2023"
    assert only("last Friday was fun", datetime(2023, 5, 23)).label == "19 May 2023"


def test_last_weekend_said_on_a_weekend_is_the_one_before() -> None:
    assert only("last weekend", datetime(2023, 6, 11)).earliest == date(2023, 6, 3)
    assert only("last weekend", datetime(2023, 6, 12)).earliest == date(2023, 6, 10)


def test_last_summer_said_in_autumn_is_the_one_just_over() -> None:
    assert only("last summer", datetime(2023, 10, 2)).label == "summer 2023"


def test_the_day_before_counts_from_the_mention_before_it() -> None:
    mentions = resolve_dates("We left last Friday, but the day before, it rained.", FRIDAY)
    assert [mention.label for mention in mentions] == ["2 June 2023", "1 June 2023"]
    assert resolve_dates("The day before, it rained.", FRIDAY) == ()


def test_several_mentions_come_in_order_of_the_text() -> None:
    mentions = resolve_dates("From 3 May to 5 May 2023, then again yesterday and in 2024.", FRIDAY)
    assert [mention.label for mention in mentions] == ["3 May 2023", "5 May 2023", "8 June 2023", "2024"]


def test_said_at_is_the_day_shown_in_its_own_time_zone() -> None:
    late = datetime(2023, 6, 9, 23, 30, tzinfo=timezone(timedelta(hours=-7)))
    assert only("yesterday", late).label == "8 June 2023"
    assert only("yesterday", late.astimezone(UTC)).label == "9 June 2023"


@pytest.mark.parametrize(
    ("text", "said_at"),
    [
        ("9999 years ago", FRIDAY),
        ("in 9999 decades", FRIDAY),
        ("yesterday, last week, last year, two months ago", datetime.min),
        ("tomorrow, next week, next year, in 3 months", datetime.max),
        ("last Friday", datetime.min),
    ],
)
def test_expressions_beyond_the_calendar_are_skipped(text: str, said_at: datetime) -> None:
    assert resolve_dates(text, said_at) == ()


def test_annotate_puts_the_resolved_date_behind_the_expression() -> None:
    text = "I ran yesterday, and in May I rested."
    assert annotate(text, resolve_dates(text, FRIDAY)) == (
        "I ran yesterday [8 June 2023], and in May [May 2023] I rested."
    )


def test_annotate_does_not_repeat_dates_that_the_text_writes_in_full() -> None:
    text = "On 7 May 2023, in May 2022, since 2016, in summer 2020, on 2023-05-07 and 5/7/2023."
    dates = resolve_dates(text, FRIDAY)
    assert len(dates) == 6
    assert annotate(text, dates) == text


def test_annotate_refuses_the_dates_of_another_text() -> None:
    dates = resolve_dates("I ran yesterday", FRIDAY)
    with pytest.raises(InvalidInput, match="yesterday"):
        annotate("I sat down", dates)


@pytest.mark.parametrize(
    ("question", "window"),
    [
        ("What did Ana do in May 2023?", (date(2023, 5, 1), date(2023, 5, 31))),
        ("What did Ana do in July?", (date(2022, 7, 1), date(2022, 7, 31))),
        ("Where was Ana last week?", (date(2023, 5, 29), date(2023, 6, 8))),
        ("What has Ana read since 2021?", (date(2021, 1, 1), date(2023, 6, 9))),
        ("What did Ana do after 7 May 2023?", (date(2023, 5, 8), date(2023, 6, 9))),
        ("What did Ana do before 2020?", (date.min, date(2019, 12, 31))),
        ("What did Ana do between May 1 and May 7, 2023?", (date(2023, 5, 1), date(2023, 5, 7))),
        ("What will Ana do in August?", (date(2023, 8, 1), date(2023, 8, 31))),
        ("What does Ana like to eat?", None),
        ("When may I call?", None),
    ],
)
def test_a_question_names_the_period_it_asks_about(question: str, window: tuple[date, date] | None) -> None:
    assert question_window(question, FRIDAY) == window


# fmt: off
WORDS = st.sampled_from([
    "last", "this", "next", "past", "coming", "the", "a", "few", "two", "3", "couple", "of", "ago",
    "in", "on", "since", "before", "after", "Friday", "May", "march", "7", "7th", "2023", ",", ".",
    "week", "weeks", "weekend", "month", "months", "year", "years", "day", "days", "summer",
    "yesterday", "tomorrow", "Christmas", "2023-05-07", "5/7/2023", "from", "now", "and", "half", "or",
    "so", "every", "İ", "ſunday", "\ud800", "\n",
])
# fmt: on
TEXTS = st.one_of(
    st.text(st.characters(), max_size=80),
    st.lists(WORDS, max_size=25).map(" ".join),
    st.lists(WORDS, max_size=25).map("".join),
)


@settings(max_examples=400, deadline=None)
@given(text=TEXTS, said_at=st.datetimes())
def test_any_text_gives_sound_mentions_that_never_overlap(text: str, said_at: datetime) -> None:
    mentions = resolve_dates(text, said_at)
    assert mentions == resolve_dates(text, said_at)
    end = 0
    for mention in mentions:
        assert end <= mention.start < mention.end
        assert text[mention.start : mention.end] == mention.text
        assert mention.earliest <= mention.latest
        assert mention.label
        end = mention.end


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, said_at=st.datetimes())
def test_annotating_only_adds_to_the_text(text: str, said_at: datetime) -> None:
    letters = iter(annotate(text, resolve_dates(text, said_at)))
    assert all(letter in letters for letter in text)


@settings(max_examples=200, deadline=None)
@given(question=TEXTS, asked_at=st.datetimes())
def test_a_window_never_ends_before_it_starts(question: str, asked_at: datetime) -> None:
    window = question_window(question, asked_at)
    assert window is None or window[0] <= window[1]


@pytest.mark.parametrize(
    "piece", [" ", "last ", "in a ", "the ", "may ", "on ", "yesterday ", "2 or 2", "Friday, ", "1/"]
)
@pytest.mark.timeout(10)
def test_long_monotonous_texts_do_not_stall(piece: str) -> None:
    resolve_dates(piece * 4000, FRIDAY)
