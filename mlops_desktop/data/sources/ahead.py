"""Read ahead of whoever uses the rows, in a thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_AHEAD = 2


def ahead(items: Iterator[_Item]) -> Generator[_Item]:
    """The items, of which the next two are already asked for; what is raised by asking is raised in their place.

    No item is asked for any more once this ends or is closed. Only for what may be asked from another thread.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    try:
        waiting = deque(pool.submit(next, items, None) for _ in range(_AHEAD))
        while (item := waiting.popleft().result()) is not None:
            waiting.append(pool.submit(next, items, None))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
