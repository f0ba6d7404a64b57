"""Idempotency keys: the same request again gives the same answer, whatever happened meanwhile, and one effect."""

import asyncio
from typing import Any

from server.api.routes import ROUTES
from tests.stories.clinic import PATIENT, UNSENT, Clinic, Hold, Reply

NINE = "2027-03-23T09:00:00Z"
KEY = "5f1c8a52-guess-me-not"


def same(first: Reply, second: Reply) -> None:
    """Byte for byte, with the headers that belong to the answer."""
    assert (second.status, second.body) == (first.status, first.body)
    for name in ("ETag", "Location", "Content-Type"):
        assert second.headers.get(name) == first.headers.get(name)


def hold_body(clinic: Clinic, start: str = NINE) -> dict[str, Any]:
    """A hold of a follow-up."""
    return {"start": start, "visit_type": clinic.follow_up}


async def test_every_post_answers_again_what_it_answered_over_other_changes_and_a_restart(clinic: Clinic) -> None:
    holds = f"/clinicians/{clinic.amira}/holds"
    windows = f"/clinicians/{clinic.amira}/availability"
    placed = await clinic.post(holds, hold_body(clinic), once=KEY)
    told = placed.is_ok(201)
    hold = Hold(clinic, told["appointment"]["id"], told["token"], told["appointment"])
    requests: list[tuple[str, Any, str | None]] = [
        (f"{hold.path}/extend", UNSENT, hold.token),
        (f"{hold.path}/confirm", {"patient": PATIENT, "note": "Knee.", "access_needs": ["Lift"]}, hold.token),
        (f"{hold.path}/cancel", {"reason": "Better."}, hold.token),
        ("/visit-types", {"name": "Long", "minutes": 60}, "admin"),
        ("/clinicians", {"name": "New Person", "timezone": "Europe/Paris", "email": "n@clinic.example"}, "admin"),
        (windows, {"weekday": 5, "start_minute": 600, "end_minute": 660, "valid_from": "2027-04-01"}, "staff"),
    ]
    tried = {"/clinicians/{id}/holds", "/appointments/{id}/release"}
    tried |= {path.replace(hold.id, "{id}").replace(clinic.amira, "{id}") for path, _, _ in requests}
    assert tried == {path for method, path, _ in ROUTES if method == "POST"}
    firsts = []
    for number, (path, body, auth) in enumerate(requests):
        firsts.append(await clinic.post(path, body, auth=auth, once=f"k{number}"))
        assert firsts[-1].status in (200, 201), firsts[-1].body
        clinic.clock.advance(7)
    other = await clinic.hold("2027-03-23T09:20:00Z")
    (await other.act("release", once="let-go")).is_ok()
    # What happened meanwhile: the new clinician and window are changed, another visit type comes, hours go by.
    person, window = (firsts[index].json for index in (4, 5))
    person_path = f"/clinicians/{person['clinician']['id']}"
    window_path = f"/availability/{window['availability']['id']}"
    (await clinic.send("PATCH", person_path, {"name": "Changed", "title": "Prof"}, auth="admin")).is_ok()
    (await clinic.post("/visit-types", {"name": "Later", "minutes": 5}, auth="admin")).is_ok(201)
    assert (await clinic.send("DELETE", window_path, auth="staff")).status == 204
    for round_ in range(2):
        same(placed, await clinic.post(holds, hold_body(clinic), once=KEY))
        for number, (path, body, auth) in enumerate(requests):
            same(firsts[number], await clinic.post(path, body, auth=auth, once=f"k{number}"))
        released = (await other.act("release", once="let-go")).is_ok()["appointment"]
        assert released["status"] == "expired"
        if not round_:
            clinic.clock.advance(23 * 3600)
            await clinic.restart()


async def test_the_same_key_has_one_effect(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.amira}/holds"
    first = await clinic.post(path, hold_body(clinic), once=KEY)
    same(first, await clinic.post(path, hold_body(clinic), once=KEY))
    hold = first.is_ok(201)
    path = f"/appointments/{hold['appointment']['id']}"
    same(*[await clinic.post(f"{path}/extend", auth=hold["token"], once="e") for _ in range(2)])
    shown = (await clinic.get(path, auth=hold["token"])).is_ok()
    assert shown["appointment"]["version"] == 2
    (await clinic.post("/visit-types", {"name": "Once", "minutes": 5}, auth="admin", once="v")).is_ok(201)
    (await clinic.post("/visit-types", {"name": "Once", "minutes": 5}, auth="admin", once="v")).is_ok(201)
    kinds = (await clinic.get("/visit-types", auth="staff")).is_ok()["visit_types"]
    assert [kind["name"] for kind in kinds].count("Once") == 1


async def test_another_request_under_the_same_key_is_refused(clinic: Clinic) -> None:
    amira, jonas = (f"/clinicians/{one}/holds" for one in (clinic.amira, clinic.jonas))
    body = hold_body(clinic)
    (await clinic.post(amira, body, once=KEY)).is_ok(201)
    (await clinic.post(amira, hold_body(clinic, "2027-03-23T09:20:00Z"), once=KEY)).is_problem(422, "validation", "")
    (await clinic.post(jonas, body, once=KEY)).is_problem(422, "validation", "")
    (await clinic.send("POST", amira, once=KEY, data=b'{"start": "' + NINE.encode() + b'"}')).is_problem(
        422, "validation", ""
    )
    assert len([slot for slot in await clinic.slots(visit_type=clinic.follow_up) if slot["state"] == "held"]) == 1
    hold = await clinic.hold("2027-03-23T10:00:00Z")
    (await hold.act("extend", once="one")).is_ok()
    (await hold.act("release", once="one")).is_problem(422, "validation", "")
    (await hold.confirm(once="one")).is_problem(422, "validation", "")
    assert (await hold.read())["version"] == 2


async def test_a_key_belongs_to_the_credential_that_sent_it(clinic: Clinic) -> None:
    path, key = f"/clinicians/{clinic.amira}/holds", "shared-by-everybody"
    ids = set()
    for number, who in enumerate((None, "partner", "staff", "support", "admin")):
        reply = await clinic.post(path, hold_body(clinic, f"2027-03-2{number + 2}T09:00:00Z"), auth=who, once=key)
        ids.add(reply.is_ok(201)["appointment"]["id"])
    assert len(ids) == 5
    first, second = await clinic.hold("2027-03-23T10:00:00Z"), await clinic.hold("2027-03-24T10:00:00Z")
    one, two = await first.confirm(once="k"), await second.confirm(once="k")
    assert one.is_ok()["appointment"]["id"] != two.is_ok()["appointment"]["id"]
    assert (await first.act("cancel", {"reason": "Ill."}, auth="staff", once="k")).is_ok()


async def test_without_a_credential_the_key_must_be_unguessable(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.amira}/holds"
    (await clinic.post(path, hold_body(clinic), once="a" * 15)).is_problem(422, "validation", "")
    (await clinic.post(path, hold_body(clinic), once="a" * 16)).is_ok(201)
    (await clinic.post(path, hold_body(clinic, "2027-03-23T09:20:00Z"), auth="staff", once="a")).is_ok(201)


async def test_a_key_is_printable_and_not_too_long(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.amira}/holds"
    for key in ("", "a" * 256, "a" * 20 + "\t" + "b", "é" * 20):
        (await clinic.post(path, hold_body(clinic), once=key)).is_problem(422, "validation", "")
    assert (await clinic.slots(visit_type=clinic.follow_up))[9]["state"] == "open"
    (await clinic.post(path, hold_body(clinic), once="~" * 255)).is_ok(201)


async def test_refusals_are_not_remembered(clinic: Clinic) -> None:
    path = f"/clinicians/{clinic.amira}/holds"
    first = await clinic.hold(NINE)
    (await clinic.post(path, hold_body(clinic), once=KEY)).is_problem(409, "slot-unavailable")
    (await clinic.post(path, {"start": "never"}, once=KEY)).is_problem(422, "validation", "/start")
    (await first.act("release")).is_ok()
    second = await clinic.post(path, hold_body(clinic), once=KEY)
    second.is_ok(201)
    same(second, await clinic.post(path, hold_body(clinic), once=KEY))


async def test_an_answer_without_an_effect_leaves_the_key_free(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    (await hold.confirm()).is_ok()
    (await hold.confirm(once="k")).is_ok()
    (await hold.act("cancel", {}, once="k")).is_ok()


async def test_two_at_once_have_one_effect_and_one_answer(unlimited: Clinic) -> None:
    clinic = unlimited
    path = f"/clinicians/{clinic.amira}/holds"
    first, *others = await asyncio.gather(*(clinic.post(path, hold_body(clinic), once=KEY) for _ in range(20)))
    told = first.is_ok(201)
    for other in others:
        same(first, other)
    hold = Hold(clinic, told["appointment"]["id"], told["token"], told["appointment"])
    first, *others = await asyncio.gather(*(hold.act("extend", once="e") for _ in range(20)))
    first.is_ok()
    for other in others:
        same(first, other)
    assert (await hold.read())["version"] == 2
    replies = await asyncio.gather(
        *(clinic.post("/clinicians", {"name": "Twin", "timezone": "UTC"}, auth="admin", once="c") for _ in range(5))
    )
    assert len({reply.body for reply in replies}) == 1


async def test_authorisation_is_judged_before_an_answer_is_given_again(clinic: Clinic) -> None:
    key_id, key = await clinic.new_key("admin")
    body = {"name": "Secret", "minutes": 5}
    (await clinic.post("/visit-types", body, auth=key, once="k")).is_ok(201)
    await clinic.revoke(key_id)
    (await clinic.post("/visit-types", body, auth=key, once="k")).is_problem(401, "unauthenticated")
    hold = await clinic.hold(NINE)
    (await hold.confirm(once="k")).is_ok()
    foreign = await clinic.hold("2027-03-23T09:20:00Z")
    (await hold.confirm(auth=foreign.token, once="k")).is_problem(404, "not-found")


async def test_an_answer_is_given_again_for_a_day(clinic: Clinic) -> None:
    body = {"name": "Daily", "minutes": 5}
    first = await clinic.post("/visit-types", body, auth="admin", once="k")
    clinic.clock.advance(86_399)
    same(first, await clinic.post("/visit-types", body, auth="admin", once="k"))
    clinic.clock.advance(2)
    reply = await clinic.post("/visit-types", body, auth="admin", once="k")
    while reply.status == 503:  # nothing happened: the old answer is cleared away within half a minute
        clinic.clock.advance(1)
        reply = await clinic.post("/visit-types", body, auth="admin", once="k")
    assert reply.is_ok(201)["visit_type"]["id"] != first.json["visit_type"]["id"]


async def test_a_change_of_the_version_does_not_disturb_the_answer_given_again(clinic: Clinic) -> None:
    hold = await clinic.hold(NINE)
    headers = {"If-Match": '"1"'}
    replies = [
        await clinic.send("POST", f"{hold.path}/extend", auth=hold.token, once="e", headers=headers) for _ in range(2)
    ]
    same(*replies)
