"""How a figure is told: one JSON line each; and when the machine was too restless to judge."""

import json
import os
from collections.abc import Sequence


def report(name: str, **figures: float | str) -> None:
    """Print one line with the figures and the load of the machine."""
    print("\n" + json.dumps({"bench": name, **figures, "load": round(os.getloadavg()[0], 1)}))


def inconclusive(limits: Sequence[float]) -> bool:
    """Whether the raw limit itself moved twofold within the run: then no ratio to it means anything."""
    moved = max(limits) > 2 * min(limits)
    if moved:
        print("inconclusive: the raw limit moved from", round(min(limits), 1), "to", round(max(limits), 1))
    return moved
