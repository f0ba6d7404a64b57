"""How one address dies: how long its next start waits, and when it may only be read. Time is an argument."""

from collections import deque

WINDOW_MS = 60_000  # deaths are counted, and good conduct is proven, over a minute
DEATHS_ALLOWED = 3  # within the window; one more and the actor refuses writes
FIRST_DELAY_MS = 100  # after the second death; the first may be a passing fault and is tried again at once
LONGEST_DELAY_MS = 5_000  # shorter than an asker's patience, so that a mended fault still answers it


class Deaths:
    """The recent deaths of one address. Forgotten as a whole once an actor lived through the window."""

    def __init__(self) -> None:
        self.read_only = False
        self._recent: deque[int] = deque()
        self._in_a_row = 0

    def add(self, now_ms: int) -> None:
        """Note a death."""
        self._in_a_row += 1
        self._recent.append(now_ms)
        while self._recent[0] <= now_ms - WINDOW_MS:
            self._recent.popleft()
        self.read_only = self.read_only or len(self._recent) > DEATHS_ALLOWED

    @property
    def start_ms(self) -> int:
        """Not before this time may the next one start."""
        if self._in_a_row == 1:
            return self._recent[-1]
        delay = min(FIRST_DELAY_MS << min(self._in_a_row - 2, 16), LONGEST_DELAY_MS)
        return self._recent[-1] + delay

    def is_past(self, now_ms: int) -> bool:
        """Few and long ago: nothing to prove any more."""
        return not self.read_only and self._recent[-1] <= now_ms - WINDOW_MS
