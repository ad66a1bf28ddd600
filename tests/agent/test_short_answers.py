"""The words of a sentence that answer by themselves; all sentences are ours."""

from datetime import datetime

import pytest

from recollect.agent.sentences import Sentence
from recollect.agent.short_answers import asks_for_several, short_answer
from recollect.memory.types import Turn


def sentence(text: str, speaker: str = "Ines") -> Sentence:
    turn = Turn(
        id=1,
        user="u",
        conversation="c",
        session="1",
        position=1,
        speaker=speaker,
        text=text,
        said_at=datetime(2024, 3, 1),
    )
    return Sentence(number=1, turn=turn, start=0, end=len(text), first_stage=1.0)


@pytest.mark.parametrize(
    ("question", "said", "answer"),
    [
        ("What did Ines adopt?", "I adopted a beagle, you know.", "a beagle"),
        ("What is Ines's dog called?", "Well, my dog is called Biscuit!", "Biscuit"),
        ("Where does Alba live?", "My sister Alba lives in a flat in Porto, of all places.", "in a flat in Porto"),
        ("Where does Alba live?", "She lives upstairs.", "upstairs"),
        ("How many seedlings does she have?", "I have about 4 trays and seventeen seedlings.", "seventeen"),
        ("How many are there?", "I have about seventeen trays and 40 seedlings.", "seventeen"),
        ("How long did Ines wait?", "We waited three weeks for it.", "three weeks"),
        ("How does Ines feel?", "I feel quite proud of it.", "quite proud of it"),
        ("Why did Ines rent it?", "I rented it because I missed gardening.", "because I missed gardening"),
        ("Why did Ines leave?", "It was getting dark.", "It was getting dark."),
        ("Who bakes rye bread?", "These days it is Alba who bakes it.", "Alba"),
        ("Who bakes rye bread?", "I bake every weekend.", "Ines"),
        ("Who is Ines's sister?", "She is my sister.", "She is my sister."),
        (
            "What sprouted?",
            "The tomatoes sprouted.",
            "The tomatoes sprouted",
        ),  # nothing follows the question's words
        ("What does Ines ride?", "I have got my old bike.", "my old bike"),
        ("Does Ines swim?", "I swim on Mondays.", "Yes"),
        ("Has Ines learnt to swim?", "I never learnt it.", "No"),
        ("Would Ines rather swim or run?", "I would run.", "run"),
        ("What sprouted?", "  The\n tomatoes ", "The tomatoes"),
        ("What sprouted?", "¡¿…?!", "¡¿…?!"),
    ],
)
def test_the_words_that_answer_are_cut_out(question: str, said: str, answer: str) -> None:
    assert short_answer(question, sentence(said)) == answer


@pytest.mark.parametrize(
    ("question", "several"),
    [
        ("Which pets does Ann have?", True),
        ("What kinds of books has she read?", True),
        ("What are Ann's hobbies?", True),
        ("How many cats does she have?", True),
        ("Who were the people at the party?", True),
        ("Which people came?", True),
        ("What does Ann like?", False),
        ("Which pet was adopted?", False),
        ("What is her boss called?", False),
        ("Where does she go on Sundays?", False),
        ("What did her sisters buy?", False),
        ("Does she like cats?", False),
    ],
)
def test_a_plural_behind_the_question_word_asks_for_several(question: str, several: bool) -> None:
    assert asks_for_several(question) is several
