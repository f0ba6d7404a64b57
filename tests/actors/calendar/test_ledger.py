"""What stands in the log: enough to replay and to prove, and nothing that tells of a person."""

import asyncio
import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given as examples
from hypothesis import settings

from actors.calendar import messages as m
from actors.calendar.ledger import KINDS, entry, rows
from actors.calendar.state import calendar_from
from actors.calendar.turn import Turn
from actors.command import PATIENT
from actors.journal import GENESIS, Record, Remembered, Row, chain_hash
from actors.tables import TABLES
from tests.actors.calendar.desk import Desk, a_desk
from tests.actors.calendar.given import STAFF, booked, cancel, given, held, hold, hours, ms, row
from tests.actors.calendar.test_following import ACTS, SHORT_TERMS, Days

WORDS = {
    "name": "Zebulon Quux",
    "email": "zebulon@quux.example",
    "phone": "+49 555 0199",
    "customer_id": "customer-zq",
    "note": "itching knee",
    "access_needs": '["lip reading"]',
    "reason": "flooded practice",
    "staff_note": "rang twice",
    "clinician_name": "Wilhelmina Rook",
    "clinician_title": "Countess",
    "clinician_email": "rook@clinic.example",
    "clinician_about": "Plays the lute.",
    "session": "hash-of-a-cookie",
    "address": "hash-of-an-address",
}
CONTACT = (WORDS["name"], WORDS["email"], WORDS["phone"])
PERSON = m.Patient("p1", b"salt-1", *CONTACT, "partner", WORDS["customer_id"], True)


def sealed(kind: str) -> m.Sealed:
    return m.Sealed(f"t-{kind}", kind, b"salt-" + kind.encode(), WORDS[kind])


def promise(salt: bytes, text: str) -> str:
    return hashlib.sha256(salt + text.encode()).hexdigest()


async def a_life() -> Desk:
    """A calendar in which every personal word was told, and changed."""
    desk = Desk()
    about = {name: WORDS[f"clinician_{name}"] for name in ("name", "title", "email", "about")}
    await desk.ask(m.OpenCalendar(by=STAFF, row=row(**about)))
    await desk.ask(m.AddWindow(by=STAFF, window=hours()))
    await desk.ask(m.ChangeCalendar(by=STAFF, changes={"about": "Plays no more.", "email": None}))
    await desk.ask(desk.hold("10:00", "a", session=WORDS["session"], address=WORDS["address"], partner="partner"))
    await desk.ask(m.ExtendHold(by=PATIENT, appointment="a"))
    texts = {"note": sealed("note"), "access_needs": sealed("access_needs")}
    await desk.ask(m.Confirm(by=PATIENT, appointment="a", patient=PERSON, **texts))
    reasons = {"reason": sealed("reason"), "staff_note": sealed("staff_note")}
    await desk.ask(m.Cancel(by=STAFF, appointment="a", **reasons))
    return desk


async def test_no_payload_holds_a_word_about_anybody() -> None:
    desk = await a_life()
    log = json.dumps([dict(found.payload) for found in desk.journal._log["cal"]], ensure_ascii=False)
    assert not [name for name, word in WORDS.items() if word in log]
    assert not [name for name, word in WORDS.items() if json.dumps(word)[1:-1] in log]
    assert "salt" not in log
    assert "Plays no more." not in log
    await desk.stop()


async def test_what_was_promised_can_be_proved_with_the_salt_and_only_with_it() -> None:
    desk = await a_life()
    payloads = {found.kind: found.payload for found in desk.journal._log["cal"]}
    confirmed, gone = payloads["appointment_confirmed"], payloads["appointment_cancelled"]
    told = json.dumps(
        [WORDS["customer_id"]], ensure_ascii=False, separators=(",", ":")
    )
    assert confirmed["patient"] == {"id": "p1", "commitment": promise(b"salt-1", told), "certain": True}
    assert confirmed["note"] == {"id": "t-note", "commitment": promise(b"salt-note", "itching knee")}
    assert gone["reason"]["commitment"] == promise(b"salt-reason", WORDS["reason"])
    assert gone["staff_note"]["commitment"] != promise(b"", WORDS["staff_note"])
    opened, changed = payloads["calendar_opened"]["after"], payloads["calendar_changed"]
    assert opened["name"] == promise(b"salt-of-ada", WORDS["clinician_name"])
    assert changed["before"]["email"] == promise(b"salt-of-ada", WORDS["clinician_email"])
    assert changed["after"]["email"] == promise(b"salt-of-ada", "")
    await desk.stop()


async def test_the_texts_stand_in_tables_of_their_own() -> None:
    desk = await a_life()
    texts = {found["id"]: (found["kind"], found["text"], found["appointment"]) for found in desk.journal.rows("texts")}
    assert texts == {f"t-{kind}": (kind, WORDS[kind], "a") for kind in ("note", "access_needs", "reason", "staff_note")}
    (person,) = desk.journal.rows("patients")
    assert (person["name"], person["certain"], person["customer_id"]) == (WORDS["name"], 1, WORDS["customer_id"])
    await desk.stop()


async def test_the_history_of_an_appointment_says_from_where_to_where() -> None:
    desk = await a_life()
    told = [(found.payload["action"], found.payload["from"], found.payload["to"]) for found in of(desk, "a")]
    assert told == [
        ("hold", "open", "held"),
        ("extend", "held", "held"),
        ("confirm", "held", "confirmed"),
        ("cancel", "confirmed", "cancelled"),
    ]
    assert [found.payload["by"] for found in of(desk, "a")][-1] == {"kind": "staff", "id": "key1"}
    await desk.stop()


def test_a_hold_that_is_cancelled_was_held() -> None:
    story = given(held("a", "10:00")).when(cancel("a"))
    assert entry(story.state, story.events[0], 1).payload["from"] == "held"
    story = given(booked("a", "10:00")).when(cancel("a"))
    assert entry(story.state, story.events[0], 1).payload["from"] == "confirmed"


def test_every_event_has_a_kind_of_its_own() -> None:
    events = m.Event.__args__  # type: ignore[attr-defined]
    assert set(KINDS) == set(events)
    assert len(set(KINDS.values())) == len(events)


def test_each_row_is_written_once_and_as_it_is_in_the_end() -> None:
    story = given()
    turn = Turn(story.state, story.now_ms)
    for command in (hold("10:00", "a"), m.ExtendHold(by=PATIENT, appointment="a"), cancel("a"), hold("10:00", "b")):
        turn.obey(command)
    images = rows(story.state, turn.events)
    assert Counter(found.table for found in images) == {"appointments": 2, "claims": 2}
    final = {found.values["id"]: found.values for found in images if found.table == "appointments"}
    assert (final["a"]["status"], final["a"]["version"], final["b"]["status"]) == ("cancelled", 3, "held")
    assert [found.kind for found in turn.entries] == [
        "hold_placed",
        "hold_extended",
        "appointment_cancelled",
        "hold_placed",
    ]


def test_a_row_names_every_column_of_its_table() -> None:
    story = given()
    turn = Turn(story.state, story.now_ms)
    turn.obey(hold("10:00", "a"))
    turn.obey(m.Confirm(by=PATIENT, appointment="a", patient=PERSON, note=sealed("note")))
    turn.obey(m.ChangeCalendar(by=STAFF, changes={"slot_minutes": 20}))
    turn.obey(m.RemoveWindow(by=STAFF, window="morning"))
    images: list[Row] = rows(story.state, turn.events)
    assert {found.table for found in images} == {"appointments", "claims", "patients", "texts", "clinicians", "windows"}
    for found in images:
        assert set(found.values) == set(TABLES[found.table]), found.table


def test_only_a_certain_patient_stands_on_the_claim() -> None:
    for person, claimed in ((PERSON, "p1"), (replace(PERSON, certain=False), None)):
        story = given(held("a", "10:00"))
        turn = Turn(story.state, story.now_ms)
        turn.obey(m.Confirm(by=PATIENT, appointment="a", patient=person))
        (claim,) = [found.values for found in rows(story.state, turn.events) if found.table == "claims"]
        assert (claim["patient"], claim["live"]) == (claimed, 1)


def test_a_remembered_answer_is_plain_and_without_salt() -> None:
    story = given()
    turn = Turn(story.state, ms("08:00"))
    keyed = m.Remember("s", "k", "f")
    turn.obey(m.ChangeCalendar(by=STAFF, changes={"slot_minutes": 20}, remember=keyed))
    (kept,) = turn.remembered
    assert isinstance(kept, Remembered)
    assert "salt" not in json.dumps(kept.answer)


@settings(max_examples=40, derandomize=True, database=None, deadline=None)
@examples(acts=ACTS)
def test_replaying_the_log_gives_the_tables_and_the_memory(acts: list[tuple[str, int]]) -> None:
    asyncio.run(_live_and_replay(acts))


async def _live_and_replay(acts: list[tuple[str, int]]) -> None:
    async with a_desk(terms=SHORT_TERMS) as desk:
        days = Days(desk)
        for word, pick in acts:
            await days.act(word, pick)
        await desk.ask(m.Touch())
        log = desk.journal._log["cal"]
        stored = {found["id"]: _facts(found) for found in desk.journal.rows("appointments")}
        assert _replayed(log) == stored
        claims = {found["appointment"]: found["live"] for found in desk.journal.rows("claims")}
        assert claims == {name: int(status in ("held", "confirmed")) for name, (status, *_) in stored.items()}
        digest = GENESIS
        for place, found in enumerate(log, start=1):
            payload = json.dumps(found.payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            digest = chain_hash(digest, "cal", place, found.at_ms, found.kind, found.version, payload)
            assert (found.seq, found.hash) == (place, digest)
        loaded = await desk.journal.load("cal", 0)
        fresh = calendar_from("cal", desk.terms, loaded.rows)
        live = {name for name, (status, *_) in stored.items() if status in ("held", "confirmed")}
        assert set(fresh.live) == live


def _replayed(log: Any) -> dict[str, tuple[Any, ...]]:
    """Status, version, interval and deadline of each appointment, from payloads alone."""
    found: dict[str, tuple[Any, ...]] = {}
    for told in log:
        if told.subject is None:
            continue
        payload = told.payload
        assert payload["appointment"] == told.subject
        before = found.get(told.subject, ("open", 0, None, None, None))
        assert before[0] == payload["from"]
        deadline = payload.get("expires_at", None if payload["to"] == "confirmed" else before[4])
        found[told.subject] = (payload["to"], before[1] + 1, payload["start"], payload["end"], deadline)
    return found


def _facts(record: Record) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("status", "version", "start", "end", "expires_at"))


def of(desk: Desk, appointment: str) -> list[Any]:
    """The log rows of one appointment."""
    return [found for found in desk.journal._log["cal"] if found.subject == appointment]
