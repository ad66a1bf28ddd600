"""The account of a data set: counts by hand, problems by their reason."""

from pathlib import Path

from recollect.evals.account import account_of
from recollect.evals.load import load_dataset


def test_counts_are_those_of_the_file(mini_file: Path) -> None:
    account = account_of(load_dataset(mini_file))
    assert (account.conversations, account.sessions, account.turns) == (2, 4, 12)
    assert account.questions == {"multi-hop": 1, "temporal": 1, "open-domain": 1, "single-hop": 4, "adversarial": 1}
    assert (account.unanswerable, account.without_answer, account.without_questions) == (1, 0, 0)
    assert account.evidence == {0: 2, 1: 3, 2: 3}


def test_problems_are_grouped_by_their_reason_in_the_order_of_the_file(mini_file: Path) -> None:
    groups = account_of(load_dataset(mini_file)).problems
    assert [(group.reason, [problem.where for problem in group.problems]) for group in groups] == [
        ("session without turns; left out", ["session_3", "session_5"]),
        ("session without a date; it gets that of its neighbour", ["session_4"]),
        ("turn without text or image; left out", ["session_4"]),
        ("question without evidence", ["conv-1/q3"]),
        ("evidence that names no turn; left out of the gold", ["conv-1/q4"]),
        ("evidence names an absent turn; left out of the gold", ["conv-1/q4", "conv-1/q7"]),
    ]
