"""Runs simulated worlds: `python -m tests.simulation.run --seeds 1000`, or one with `--seed 7 -v`."""

import argparse
import gc
import logging
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path

from tests.simulation.loop import Network, SimLoop, simulate
from tests.simulation.plan import plan
from tests.simulation.world import World

# What the journal says of the very faults that are given to it.
EXPECTED_ERRORS = ("a commit of", "an append failed, nothing was written", "a rollback failed")


class Defects(logging.Handler):
    """Whatever a living server logs as an error ends the world."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.world: World | None = None

    def emit(self, record: logging.LogRecord) -> None:
        world = self.world
        if world is None or world.is_burying or (world.server is not None and world.server.killed.is_set()):
            return
        if record.name == "holdfast.actors" and world.disk.faults.counts.get("load"):
            return  # an actor whose calendar cannot be read dies, and says so
        if not record.getMessage().startswith(EXPECTED_ERRORS):
            trace = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""
            world.fail(AssertionError(f"logged as an error: {record.getMessage()}\n{trace}"))


def run_seed(seed: int) -> World:
    """One world from its beginning to its end. Raises what must not be; the world tells what it was."""
    drawn = plan(seed)
    defects, root = Defects(), logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers[:] = [defects]
    root.setLevel(logging.ERROR)
    gc.disable()  # a world is small and short; the collector takes a tenth of its time
    try:
        with tempfile.TemporaryDirectory(prefix="simulation") as folder:

            async def live(loop: SimLoop, network: Network) -> World:
                world = defects.world = World(drawn, loop, network, Path(folder))
                try:
                    await world.live()
                finally:
                    world.disk.close()
                return world

            return simulate(f"{seed} order", live, shuffles=drawn.shuffles)
    except BaseException as error:
        defects.world = None
        error.add_note(f"seed {seed}; again with: python -m tests.simulation.run --seed {seed} -v\n{asdict(drawn)}")
        raise
    finally:
        gc.enable()
        root.handlers[:] = handlers
        root.setLevel(level)


def told(world: World) -> str:
    """A line about a world that went well."""
    rows = sum(ledger.head for ledger in world.ledgers.values())
    seats = [seats[-1] for ledger in world.ledgers.values() for seats in ledger.seats.values()]
    ends = {status: sum(seat.status == status for seat in seats) for status in ("confirmed", "cancelled", "expired")}
    views = {name: sum(getattr(one, name) for one in world.viewers) for name in ("snapshots", "resumes", "gaps")}
    return (
        f"seed {world.plan.seed}: {world.answers} answers, {rows} rows, {ends}, lives {world.lives},"
        f" {views}, faults {world.disk.faults.counts}, {world.loop.time():.0f} s, trace {world.loop.trace:x}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 when a seed failed; all failing seeds are named at the end."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many worlds")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line a world, and tracebacks")
    options = parser.parse_args(arguments)
    seeds = [options.seed] if options.seed is not None else range(options.start, options.start + options.seeds)
    failed: list[int] = []
    began = time.process_time()
    for seed in seeds:
        try:
            world = run_seed(seed)
        except KeyboardInterrupt:
            break
        except BaseException as error:
            failed.append(seed)
            lines = traceback.format_exception(error) if options.verbose else [f"{type(error).__name__}: {error}\n"]
            print(f"seed {seed} failed: ", *lines, sep="", flush=True)
        else:
            if options.verbose:
                print(told(world), flush=True)
    seconds = time.process_time() - began
    each = seconds / len(seeds) * 1000
    print(f"{len(seeds)} worlds in {seconds:.1f} s of CPU, {each:.0f} ms each; failed: {failed or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
