"""How long a measurement may take."""

from __future__ import annotations

import time
from collections.abc import Callable


class TimeLimit:
    """So many seconds from now on; without a limit if None."""

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds

    def is_up(self) -> bool:
        return self._end is not None and self._clock() >= self._end
