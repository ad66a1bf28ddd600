"""Above a reply of a hosted model stands what it took."""

from collections.abc import Generator, Sequence

import pytest

from recollect.agent.ports import Told
from recollect.memory.endpoint_usage import Usage
from recollect.memory.types import Context, Turn

from .conftest import Perform, Screenplay, TalkingGenerator


class CountingGenerator(TalkingGenerator):
    """Tells at the end of a stream what it took."""

    def stream_told(self, question: str, context: Context, history: Sequence[Turn]) -> Generator[str, None, Told]:
        written = yield from self._written(question, context, history)
        return Told(text=written, usage=Usage(prompt_tokens=1234, completion_tokens=56, cost_usd=0.0021))

    def _written(self, question: str, context: Context, history: Sequence[Turn]) -> Generator[str, None, str]:
        pieces = list(self.stream(question, context, history))
        yield from pieces
        return "".join(pieces)


@pytest.fixture
def generator() -> TalkingGenerator:
    return CountingGenerator()


def test_a_reply_tells_tokens_and_cost(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.say("I have a red bicycle")
        await scene.sees("1,234 tokens read, 56 written, $0.0021")

    perform(play)
