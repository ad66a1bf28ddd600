"""Work beside the interface: in threads that never keep the program from ending."""

import asyncio
from collections.abc import Callable
from threading import Thread
from threading import enumerate as running_threads
from typing import TypeVar

Result = TypeVar("Result")

OURS = "recollect-"
"""What the names of our threads begin with."""


async def in_thread(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, from a thread of its own; raises what it raises.

    At its end, the program waits for threads of asyncio's pool, however long a server takes to answer; not for this.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.done():  # nobody waits any more
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where Result is

    def run() -> None:
        result: Result | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - handed on to whoever waits
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    Thread(target=run, name=f"{OURS}work", daemon=True).start()
    return await future


def is_any_running() -> bool:
    """Tell whether a thread of ours still works; Python must not be taken down under one that imports or computes."""
    return any(thread.name.startswith(OURS) for thread in running_threads())
