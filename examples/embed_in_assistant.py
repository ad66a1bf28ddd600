"""Give an assistant of your own a memory. Runs offline: python examples/embed_in_assistant.py."""

import tempfile
from pathlib import Path

import recollect

OLDER_CHAT = [
    {"speaker": "Ben", "text": "How was the allotment?", "said_at": "2026-02-14T19:00", "ref": "chat-1"},
    {
        "speaker": "Alice",
        "text": "Muddy. I planted two rows of garlic and broke the good spade.",
        "said_at": "2026-02-14T19:01",
        "ref": "chat-2",
    },
    {
        "speaker": "Ben",
        "text": "I moved into the flat above the bakery last Friday.",
        "said_at": "2026-02-14T19:03",
        "ref": "chat-3",
    },
]


def prompt_for_your_model(memory: recollect.LongTermMemory, message: str) -> str:
    """Build what you would send to a language model: the best memories in a fixed number of tokens."""
    context = memory.context(message, budget=300)
    return f"What you remember ({context.tokens} tokens):\n{context.text}\n\nUser: {message}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "assistant.db"  # yours would stay; ":memory:" is gone when it is closed
        with recollect.open_memory(path, user="alice") as memory:
            memory.add_many(OLDER_CHAT)
            memory.add(
                speaker="Alice",
                text="I adopted a beagle called Biscuit yesterday.",
                said_at="2026-03-02T18:00",
                ref="chat-7",  # your own id, handed back with every memory
            )
            for scored in memory.recall("What is Alice's dog called?", limit=2):
                print(f"{scored.score:6.2f}  {scored.memory.text}")
            print(prompt_for_your_model(memory, "Where does Ben live now?"))

        with recollect.open_agent(path, user="alice") as agent:  # extractive unless a model is configured
            answer = agent.ask("When did I adopt my dog?")
            print(answer.text)
            for citation in answer.citations:
                print(f"  [{citation.number}] {citation.turn.ref}, said {citation.turn.said_at:%d %B %Y}")


if __name__ == "__main__":
    main()
