"""Token buckets by address block: how many state-changing requests somebody without credentials may send."""

import math

from actors.clock import Clock

RATE_PER_SECOND = 20  # a whole clinic behind one address books less than this
BURST = 600  # one shared address (a company, a mobile carrier) after a mail to all patients
# About 10 MB at most. Beyond it the block that was quiet longest is forgotten: its bucket is the fullest.
MOST_BLOCKS = 50_000


class Rates:
    """All buckets, each kept as the one time at which it will be full again."""

    def __init__(
        self,
        clock: Clock,
        *,
        per_second: int = RATE_PER_SECOND,
        burst: int = BURST,
        most_blocks: int = MOST_BLOCKS,
    ) -> None:
        self._clock = clock
        self._cost_ms = 1000 / per_second
        self._window_ms = burst * self._cost_ms
        self._most_blocks = most_blocks
        self._full_at_ms: dict[str, float] = {}  # in order of last use

    def __len__(self) -> int:
        return len(self._full_at_ms)

    def take(self, block: str) -> int:
        """Take one token: 0, or the whole seconds to wait when there is none (then nothing was taken)."""
        now_ms = self._clock.now_ms()
        # A clock that was set back must not lock anybody out for longer than an empty bucket does.
        full_at_ms = min(self._full_at_ms.pop(block, 0.0), now_ms + self._window_ms)
        after_ms = max(full_at_ms, now_ms) + self._cost_ms
        missing_ms = after_ms - now_ms - self._window_ms
        self._keep(block, after_ms if missing_ms <= 0 else full_at_ms)
        return max(0, math.ceil(missing_ms / 1000))

    def _keep(self, block: str, full_at_ms: float) -> None:
        self._full_at_ms[block] = full_at_ms
        if len(self._full_at_ms) > self._most_blocks:
            del self._full_at_ms[next(iter(self._full_at_ms))]
