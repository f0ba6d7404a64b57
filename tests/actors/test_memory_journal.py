"""What the journal in memory offers to tests beyond the contract of every journal."""

from actors.journal import GENESIS, Append, Appended, Entry, Failed, Remembered, Unknown
from actors.memory_journal import MemoryJournal

FIRST = Append(
    "anna", 0, GENESIS, [Entry(1, "noted", {})], remembered=[Remembered("s", "k", "f", 1, {"a": 1})]
)


async def test_a_given_failure_writes_nothing() -> None:
    journal = MemoryJournal()
    journal.next_outcomes.append(Failed("disk full"))
    assert await journal.append(FIRST) == Failed("disk full")
    assert (await journal.load("anna", 0)).head == 0
    assert isinstance(await journal.append(FIRST), Appended)
    assert (journal.commits, journal.appends) == (1, 1)


async def test_a_given_doubt_was_written_all_the_same() -> None:
    journal = MemoryJournal()
    journal.next_outcomes.append(Unknown("commit failed"))
    assert await journal.append(FIRST) == Unknown("commit failed")
    assert (await journal.load("anna", 0)).head == 1
    assert await journal.remembered("s", "k") == FIRST.remembered[0]
