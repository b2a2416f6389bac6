"""Numba's threads, asked to share the larger kernels."""

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numba


class Team:
    """The threads, asked to share a kernel unless they are taken, or were late the last time.

    One Python thread at a time may lead the team: not all of Numba's threading layers bear two. And a kernel
    shared takes as long as the slowest thread: where other programs keep the cores busy, a thread that waits for
    its turn costs a hundred times what it saves. A team that was late sits out for a while, and for longer if it
    is late again.
    """

    SHORTEST, LONGEST = 0.005, 0.2
    """Seconds that a late team sits out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted_from = 0.0
        self._wait = self.SHORTEST
        if hasattr(os, "register_at_fork"):
            # A forked child has no team, so there the lock stays taken, and the child computes alone.
            os.register_at_fork(after_in_child=partial(self._lock.acquire, blocking=False))

    @property
    def size(self) -> int:
        """How many threads there are."""
        return numba.get_num_threads()

    def share(self, limit: float, kernel: Callable[..., None], *arguments: Any) -> bool:
        """Have the team run a kernel, or return False; it is late if that takes more than `limit` seconds."""
        if self._lock.locked() or time.perf_counter() < self._wanted_from:
            return False
        with self._lock:  # unlike acquire() and try, `with` cannot be interrupted between the two
            start = time.perf_counter()
            kernel(*arguments)
            end = time.perf_counter()
            if end - start > limit:
                self._wanted_from = end + self._wait
                self._wait = min(2 * self._wait, self.LONGEST)
            else:
                self._wait = self.SHORTEST
        return True


team = Team()
