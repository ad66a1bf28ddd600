"""What a chat model replies when it is asked for an order, and what we make of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.rerank.permutation import permutation, request


@pytest.mark.parametrize(
    "reply",
    [
        "[3] > [1] > [4] > [2]",
        "[3]>[1]>[4]>[2]",
        "Sure! Here is the order:\n\n[3] > [1] > [4] > [2]\n\nLet me know if you need more.",
        "**[3]** > **[1]** > **[4]** > **[2]**",
        "```\n[3] > [1] > [4] > [2]\n```",
        "[3, 1, 4, 2]",
        '```json\n{"order": [3, 1, 4, 2]}\n```',
        '["[3]", "[1]", "[4]", "[2]"]',
        '["3", "1", "4", "2"]',
        "[[3], [1], [4], [2]]",
        "3 > 1 > 4 > 2",
        "3, 1, 4, 2",
        "3 >= 1 >= 4 >= 2",
        "[3] = [1] > [4]; [2]",
        "[Message 3] > [Message 1] > [Message 4] > [Message 2]",
        "Message 3 > Message 1 > Message 4 > Message 2",
        "[ 3 ] → [ 1 ] → [ 4 ] → [ 2 ]",
        "[3]\n[1]\n[4]\n[2]",
        "3\n1\n4\n2",
        "1. 3\n2. 1\n3. 4\n4. 2",
        "1. [3] names the dog.\n2. [1] is about dogs.\n3. [4]\n4. [2] has nothing to do with it.",
        "<think>[1] looks right, then [2] > [4] > [3] > [1]?</think>\n[3] > [1] > [4] > [2]",
        "At first [2] > [1] > [3] > [4] seems right. But no:\n[3] > [1] > [4] > [2]",
        "[1] and [2] are about dogs. So: [3] > [1] > [4] > [2]",
        "[3, 1, 4",  # cut
        "[3] > [1] > [4]",  # missing ones follow
        "[3] > [1] > [3] > [4] > [3] > [2]",  # repeated ones count once
        "[3] > [9] > [1] > [0] > [4] > [17] > [2] > [99999999999999999999]",  # and those that are not there do not
        "Of these 4 messages from 2026, I choose [3] > [1] > [4] > [2].",
    ],
)
def test_an_order_is_read_however_it_is_written(reply: str) -> None:
    assert permutation(reply, 4) == [2, 0, 3, 1]


@pytest.mark.parametrize("reply", ["[3]", "3", "3.", "The best one is [3].", " [3] \n"])
def test_one_number_puts_one_message_first(reply: str) -> None:
    assert permutation(reply, 4) == [2, 0, 1, 3]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        " \n",
        "I cannot rank these 4 messages.",
        "None of them helps.",
        "On 2 March 2026, 300 people came.",
        "[5] > [6] > [0]",
        "<think>[3] > [1] > [4] > [2]",  # cut while it was thinking
        "[] > [a] > [1.5]",
    ],
)
def test_a_reply_without_an_order_is_none(reply: str) -> None:
    assert permutation(reply, 4) is None


def test_the_request_numbers_every_message_and_says_the_question() -> None:
    asked = request("Which dog?", ["Al: a beagle", "Bo: a cat", "Al: a barn"])
    assert "[1] Al: a beagle\n[2] Bo: a cat\n[3] Al: a barn\n" in asked
    assert asked.count("Which dog?") == 2
    assert "[2] > [1] > [3]" in asked
    assert "[3]" not in request("Which dog?", ["a", "b"])


@given(
    reply=st.text(alphabet=st.sampled_from("0123456789[]<>,;= \n.ab\"'think/"), max_size=200),
    count=st.integers(1, 25),
)
def test_whatever_is_replied_every_message_is_there_once(reply: str, count: int) -> None:
    order = permutation(reply, count)
    assert order is None or sorted(order) == list(range(count))


@given(st.permutations(range(20)))
def test_a_permutation_comes_back(order: list[int]) -> None:
    assert permutation(" > ".join(f"[{place + 1}]" for place in order), 20) == order
    assert permutation(str([place + 1 for place in order]), 20) == order
