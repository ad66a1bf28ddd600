"""The turns of a chat screen as they are sent, streamed, finished, failed, stopped."""

from typing import TYPE_CHECKING

from ..agent.types import Answer
from ..memory.endpoint_usage import in_words
from ..memory.types import Retrieved, Turn
from .evidence import Evidence, of_answer, of_recall
from .turns import Begin, TurnRunner
from .widgets.message_view import MessageView
from .widgets.prompt import Prompt
from .widgets.transcript import Transcript
from .words import took

if TYPE_CHECKING:
    from .screens.chat import ChatScreen


class Turns:
    """Puts messages into the transcript of one screen."""

    def __init__(self, screen: "ChatScreen") -> None:
        self._screen = screen
        self.runner = TurnRunner(screen)
        self.editing = False
        """Whether what is sent next takes the place of the last turn."""
        self.evidence: dict[int, Evidence] = {}
        """What the replies of this run were given to read, by the id of the stored reply."""
        self.reply: MessageView | None = None
        """The reply that is being written."""

    def correct(self, turn: Turn) -> None:
        """Note the new words of a turn that was corrected."""
        self.evidence = {reply: one.corrected(turn) for reply, one in self.evidence.items()}
        for view in self._screen.query_one(Transcript).views:
            view.evidence = view.evidence and view.evidence.corrected(turn)

    def send(self, text: str) -> None:
        """Send a turn of the user, in place of the last one while that is edited."""
        chat = self._screen.chat
        if chat is not None:
            send = chat.resend if self.editing else chat.send
            self.run(lambda heard: send(text, on_recall=heard), text)

    def run(self, begin: Begin, text: str | None) -> None:
        """Run a turn in a thread; `text` is what the user said, None where the last turn is answered again."""
        self._screen.run_worker(self._show(begin, text), group="turn")

    async def _show(self, begin: Begin, text: str | None) -> None:
        chat = self._screen.chat
        async with self._screen.history.at_end() as transcript:
            if self.editing or text is None:
                await self._drop_last(with_question=self.editing)
            self.editing = False
            if text is not None:
                await transcript.add(MessageView("user", "You", text))
            self.reply = MessageView("reply", "…", is_markdown=chat is not None and chat.writes_markdown)
            self.reply.evidence = Evidence(title="")
            await transcript.add(self.reply)
            transcript.growing = self.reply
        self._screen.tell(doing="remembering…")
        self.runner.start(begin)

    async def _drop_last(self, *, with_question: bool) -> None:
        views = self._screen.query_one(Transcript).views
        last = next((place for place in range(len(views) - 1, -1, -1) if views[place].kind == "user"), len(views))
        for view in views[last if with_question else last + 1 :]:
            await view.remove()

    async def heard(self, event: TurnRunner.Heard) -> None:
        """Show what became of a turn; of one that was stopped nothing is shown, and no reply kept."""
        match event.news:
            case TurnRunner.Finished(answer) if event.is_stopped:
                await self._forget(answer)
            case _ if event.is_stopped:
                return
            case TurnRunner.Started(said):
                self._stored(said)
            case TurnRunner.Recalled(found):
                self._recalled(found)
            case TurnRunner.Piece(text):
                if self.reply is not None:
                    await self.reply.write(text)
            case TurnRunner.Finished(answer):
                await self._finished(answer)
            case TurnRunner.Failed(problem, is_stored):
                await self._failed(problem, is_stored=is_stored)

    def _recalled(self, found: Retrieved) -> None:
        self._screen.tell(doing="writing…", tokens=found.context.tokens, budget=found.context.budget)
        if self.reply is not None:
            self.reply.evidence = of_recall(found, "Reading")
            self._screen.show_evidence(self.reply)

    def _stored(self, said: Turn) -> None:
        asked = [view for view in self._screen.query_one(Transcript).views if view.kind == "user"]
        if asked and asked[-1].turn is None:
            asked[-1].turn = said

    async def _finished(self, answer: Answer) -> None:
        view = self._taken()
        if view is None or self._screen.chat is None:
            return
        self._screen.chat.finished(answer)
        view.turn, view.evidence = answer.reply, of_answer(answer, "Why this answer")
        if answer.reply is not None:
            self.evidence[answer.reply.id] = view.evidence
        await view.finish(_head(answer), answer.text, answer.marks)
        self._screen.show_evidence(view)
        for problem in answer.problems:
            await self._screen.say("note", "Note", problem)
        self._screen.tell(doing="", timings=answer.timings)

    async def _failed(self, problem: str, *, is_stored: bool) -> None:
        view = self._taken()
        self._screen.tell(doing="")
        if view is not None and not view.text:
            await view.remove()
        after = "What you wrote is stored; Ctrl+R or /retry asks again." if is_stored else ""
        await self._screen.say("failed", "No reply", f"{problem}\n{after}".strip())
        if not is_stored:
            prompt = self._screen.query_one(Prompt)
            prompt.action_cursor_up()

    async def _forget(self, answer: Answer) -> None:
        chat, reply = self._screen.chat, answer.reply
        if chat is not None and reply is not None:
            await self._screen.attempt(lambda: chat.agent.memory.forget([reply]))

    async def stop(self) -> bool:
        """Stop the reply at once, whatever its model still does, and tell whether one was being written."""
        was_running = self.runner.stop()
        if was_running and self._screen.chat is not None:
            self._screen.chat.agent.stop()
        view = self._taken()
        if view is not None:
            await view.finish("stopped · what you wrote is remembered, Ctrl+R asks again")
            self._screen.tell(doing="")
            self._screen.do_soon(self._screen.history.list())
        return was_running

    def _taken(self) -> MessageView | None:
        view, self.reply = self.reply, None
        self._screen.query_one(Transcript).end_growing()
        return view


def _head(answer: Answer) -> str:
    cited = len({citation.number for citation in answer.citations})
    read = len(answer.context.memories)
    about = f"{cited} cited of {read} read" if read else "no memories"
    head = f"Recollect · {about} · {took(answer.timings['total'])}"
    return head if answer.usage is None else f"{head} · {in_words(answer.usage)}"
