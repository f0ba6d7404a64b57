"""What pages and the API read."""

from typing import Any

import pytest

from actors.journal import Appended, Entry
from server.storage.connection import open_writer
from server.storage.credentials import (
    AlreadyThere,
    add_key,
    add_user,
    data_version,
    keep_meta,
    list_keys,
    list_users,
    revoke_key,
)
from server.storage.queries import StoredAnswer, Wanted
from tests.server.storage import examples as ex
from tests.server.storage.conftest import Store
from tests.server.storage.examples import HALF_HOUR, NINE, NOW_MS, append


async def write(store: Store, table: str, *records: dict[str, Any]) -> None:
    loaded = await store.journal.load("test", 0)
    after = Appended(loaded.head, loaded.hash) if loaded.head else None
    outcome = await store.journal.append(append("test", *ex.rows(table, *records), after=after))
    assert isinstance(outcome, Appended), outcome


async def listed(store: Store, status: Any = "active", **wanted: Any) -> list[str]:
    given = {"now": NINE, "join_closes_after": 3600} | wanted
    return [row["id"] for row in await store.queries.appointments(Wanted(status, **given))]


async def test_an_empty_database_answers_nothing(store: Store) -> None:
    queries = store.queries
    assert await queries.clinic() is None
    assert await queries.clinicians() == await queries.visit_types() == await queries.open_holds() == []
    assert await queries.last_number() == 0
    assert await queries.meta("epoch") is None
    assert await queries.remembered("scope", "key") is None
    assert await queries.streams() == {}


async def test_the_catalogue_is_in_the_clinics_order(store: Store) -> None:
    await write(store, "clinic", ex.clinic())
    await write(store, "clinicians", ex.clinician("b", position=2), ex.clinician("c"), ex.clinician("a"))
    await write(store, "visit_types", ex.visit_type("y", position=2), ex.visit_type("z"))
    assert await store.queries.clinic() == ex.clinic()
    assert [row["id"] for row in await store.queries.clinicians()] == ["a", "c", "b"]
    assert await store.queries.clinician("b") == ex.clinician("b", position=2)
    assert [row["id"] for row in await store.queries.visit_types()] == ["z", "y"]


async def test_removed_windows_are_listed_only_on_request(store: Store) -> None:
    gone = ex.window("gone", weekday=1, removed_at_ms=NOW_MS, removed_by="u")
    await write(store, "windows", gone, ex.window("kept"), ex.window("other", clinician="boris"))
    assert await store.queries.windows("anna") == [ex.window("kept")]
    assert await store.queries.windows("anna", removed=True) == [ex.window("kept"), gone]
    assert await store.queries.window("gone") == gone


async def test_patients_and_texts_are_read_by_their_ids(store: Store) -> None:
    await write(store, "patients", ex.patient("p", name="Kim"), ex.patient("q"))
    await write(store, "texts", ex.text("t"), ex.text("u", text=None), ex.text("v"))
    assert (await store.queries.patient("p") or {})["name"] == "Kim"
    assert set(await store.queries.patients(["p", "q", "r"])) == {"p", "q"}
    assert await store.queries.texts(["t", "u", "w"]) == {"t": "knee", "u": None}
    assert await store.queries.texts([]) == {}


async def test_active_means_held_or_confirmed_until_the_join_window_closes(store: Store) -> None:
    closed = NINE - 3600
    await write(
        store,
        "appointments",
        ex.appointment("held"),
        ex.appointment("open", status="confirmed", start=closed - HALF_HOUR, end=closed),
        ex.appointment("closed", status="confirmed", start=closed - HALF_HOUR - 1, end=closed - 1),
        ex.appointment("over", status="completed", start=closed, end=NINE),
    )
    assert await listed(store) == ["open", "held"]
    assert await listed(store, now=NINE + 1) == ["held"]
    assert await listed(store, ("confirmed",)) == ["closed", "open"]
    assert await listed(store, ("confirmed", "completed", "held")) == ["closed", "open", "over", "held"]


async def test_lists_are_filtered_by_clinician_and_start(store: Store) -> None:
    changes = [{"start": NINE + HALF_HOUR * place} for place in range(4)]
    records = [
        ex.appointment(f"a{place}", end=change["start"] + HALF_HOUR, **change)
        for place, change in enumerate(changes)
    ]
    records[1]["clinician"] = "boris"
    await write(store, "appointments", *records)
    assert await listed(store, clinician="anna") == ["a0", "a2", "a3"]
    bounded = {"start_from": NINE + HALF_HOUR, "start_before": NINE + 3 * HALF_HOUR}
    assert await listed(store, **bounded) == ["a1", "a2"]
    assert await listed(store, clinician="boris", **bounded) == ["a1"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_of_a_list_join_without_gap_or_repeat(store: Store, limit: int) -> None:
    keys = [f"k{place}" for place in range(7)]
    records = [
        ex.appointment(key, start=NINE + HALF_HOUR * (place // 3), end=NINE + 9000)
        for place, key in enumerate(keys)
    ]
    await write(store, "appointments", *reversed(records))
    seen: list[str] = []
    after = None
    while True:
        wanted = Wanted("active", NINE, 3600, limit=limit, after=after)
        page = await store.queries.appointments(wanted)
        seen += [row["id"] for row in page]
        if len(page) < limit:
            break
        after = (page[-1]["start"], page[-1]["id"])
    assert seen == keys


async def test_open_holds_tell_who_holds(store: Store) -> None:
    held = ex.appointment("later", session="s", address="a", expires_at=200)
    await write(store, "appointments", held, ex.appointment("sooner", expires_at=100, anonymous=0))
    await write(store, "appointments", ex.appointment("over", status="expired"))
    assert await store.queries.open_holds() == [
        {
            "id": "sooner",
            "clinician": "anna",
            "session": None,
            "address": None,
            "expires_at": 100,
            "anonymous": 0,
        },
        {
            "id": "later",
            "clinician": "anna",
            "session": "s",
            "address": "a",
            "expires_at": 200,
            "anonymous": 1,
        },
    ]


async def test_a_remembered_answer_is_read_back(store: Store) -> None:
    answer = ex.remembered("k", answer={"status": 201, "appointment": "first"})
    await store.journal.append(append("anna", answers=[answer]))
    found = await store.queries.remembered("key-1", "k")
    assert found == StoredAnswer("f", NOW_MS, {"status": 201, "appointment": "first"})


async def test_the_last_number_is_the_highest(store: Store) -> None:
    await write(store, "appointments", ex.appointment("a", number=41), ex.appointment("b", number=7))
    assert await store.queries.last_number() == 41


async def test_history_follows_an_appointment_over_calendars(store: Store) -> None:
    entries = [Entry(NOW_MS + 5, "moved", {}, "first"), Entry(NOW_MS + 5, "noted", {}, "other")]
    await store.journal.append(append("boris", entries=entries))
    await store.journal.append(append("anna", entries=[Entry(NOW_MS, "held", {}, "first")]))
    assert [row.kind for row in await store.queries.history("first")] == ["held", "moved"]


async def test_an_altered_byte_breaks_the_chain_at_its_row(store: Store) -> None:
    entries = [Entry(NOW_MS, "noted", {"n": n}) for n in range(2500)]
    await store.journal.append(append("anna", entries=entries))
    assert await store.queries.broken_link("anna") is None
    await store.writer.execute("UPDATE log SET payload = x'7b7d' WHERE seq = 2100")
    assert await store.queries.broken_link("anna") == 2100


@pytest.mark.parametrize("column", ["at_ms", "kind", "version", "payload", "previous_hash", "hash"])
async def test_every_column_of_the_chain_is_bound(store: Store, column: str) -> None:
    await store.journal.append(append("anna", entries=[Entry(NOW_MS, "noted", {"n": n}) for n in range(3)]))
    altered = {"at_ms": "1", "kind": "'other'", "version": "2"}.get(column, "x'00'")
    await store.writer.execute(f"UPDATE log SET {column} = {altered} WHERE seq = 2")
    assert await store.queries.broken_link("anna") == 2


async def test_keys_are_added_listed_and_revoked_by_another_process(store: Store) -> None:
    values = ex.record("keys", {"id": "k", "digest": b"d", "scope": "staff", "created_at_ms": 1})
    before = await store.journal.apart(data_version)
    async with open_writer(store.path) as other:
        await add_key(other, values)
        with pytest.raises(AlreadyThere):
            await add_key(other, values)
        assert await store.queries.key("k") == values
        assert await revoke_key(other, "k", 5)
        assert await revoke_key(other, "k", 9)
        assert not await revoke_key(other, "unknown", 5)
        (listed,) = await list_keys(other)
    assert listed == {"id": "k", "scope": "staff", "partner": None, "created_at_ms": 1, "revoked_at_ms": 5}
    assert await store.journal.apart(data_version) != before


async def test_the_journals_own_commits_do_not_look_like_another_process(store: Store) -> None:
    before = await store.journal.apart(data_version)
    await store.journal.append(append("anna"))
    assert await store.journal.apart(data_version) == before


async def test_users_have_distinct_addresses(store: Store) -> None:
    user = ex.record(
        "users",
        {"id": "u", "email": "a@b.c", "name": "A", "role": "staff", "state": "active", "created_at_ms": 1},
    )
    await store.journal.apart(lambda writer: add_user(writer, user))
    with pytest.raises(AlreadyThere):
        await store.journal.apart(lambda writer: add_user(writer, user | {"id": "v"}))
    assert await store.queries.user_with_email("a@b.c") == user
    assert await list_users(store.reader) == [user]


async def test_a_fact_of_the_database_is_kept_from_its_first_value_on(store: Store) -> None:
    assert await store.journal.apart(lambda writer: keep_meta(writer, "epoch", "one")) == "one"
    assert await store.journal.apart(lambda writer: keep_meta(writer, "epoch", "two")) == "one"
    assert await store.queries.meta("epoch") == "one"
