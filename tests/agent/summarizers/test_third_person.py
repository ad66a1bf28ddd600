"""First persons retold by name."""

import pytest

from recollect.agent.summarizers.third_person import retold


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("I have two jobs.", "Alice has two jobs."),
        ("I don't like clowns.", "Alice doesn't like clowns."),
        ("I also love true crime.", "Alice also loves true crime."),
        ("I recently moved to Lyon.", "Alice recently moved to Lyon."),
        ("I was sick and I was bored.", "Alice was sick and they were bored."),
        ("I'm tired, I'm sad.", "Alice is tired, they are sad."),
        ("I’ve read it and I'll return it.", "Alice has read it and they will return it."),
        ("My dad lives with me.", "Alice's dad lives with them."),
        ("If I try, my mother helps me.", "If Alice tries, their mother helps them."),
        ("It took me years.", "It took Alice years."),
        ("i study Spanish by myself", "Alice studies Spanish by themselves"),
        ("I carry it, I go.", "Alice carries it, they go."),
        ("I fly on Friday.", "Alice fly on Friday."),  # no verb of the table: left as it was said
    ],
)
def test_the_first_mention_takes_the_name(said: str, told: str) -> None:
    assert retold(said, speaker="Alice") == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("I met your sister.", "Alice met Ben's sister."),
        ("I know you love jazz.", "Alice knows Ben loves jazz."),
        ("I'm glad you're well.", "Alice is glad Ben is well."),
        ("Hey Ben, I passed my exam!", "Alice passed their exam!"),
    ],
)
def test_you_is_the_other_of_two(said: str, told: str) -> None:
    assert retold(said, speaker="Alice", listener="Ben") == told


def test_you_stays_where_it_may_be_anybody() -> None:
    assert retold("I met your sister.", speaker="Alice") == "Alice met your sister."


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Wow, thanks, I moved!", "Alice moved!"),
        ("Yeah! We went camping.", "Alice: We went camping."),
        ("I drove and we sang on our way.", "Alice drove and they sang on their way."),
        ("No one came.", "Alice: No one came."),
        ("Hey Ben, so I ran.", "Alice ran."),
        ("The party was great.", "Alice: The party was great."),
        ("Oh wow!", "Alice: Oh wow!"),
    ],
)
def test_interjections_go_and_what_names_nobody_is_quoted(said: str, told: str) -> None:
    assert retold(said, speaker="Alice") == told
