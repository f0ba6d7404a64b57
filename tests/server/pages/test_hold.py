"""The page of a held time as a browser without scripts meets it, and as its script asks it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.pages.harbour import DETAILS, NOW, START, Fields, Harbour, Visitor, harbour

MINUTE = 60
JSON = "application/json"


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[Harbour]:
    async with harbour(tmp_path) as found:
        yield found


@pytest.fixture
async def maria(clinic: Harbour) -> AsyncIterator[Visitor]:
    async with clinic.visitor() as visitor:
        yield visitor


async def test_the_page_says_what_is_held_for_whom_and_until_when(maria: Visitor) -> None:
    seen = await maria.get(await maria.hold())
    assert seen.status == 200
    assert "Tue 24 November, 11:20" in seen.text
    assert "Dr Amira Haddad, video, 20 min" in seen.text
    assert "Held until 10:57 , 15 minutes left" in seen.text
    assert "Nothing is booked until you confirm." in seen.text
    assert seen.headers["Cache-Control"] == "no-store"


async def test_nobody_else_sees_the_hold(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold()
    async with clinic.visitor() as stranger:
        assert (await stranger.get(path)).status == 404
        assert (await stranger.get(f"{path}/state")).status == 404
        assert (await stranger.post(path, DETAILS)).status == 404
        await stranger.hold(START + 20 * MINUTE)
        unknown = await stranger.get(path)
    assert unknown.status == 404
    assert "This time is not held here" in unknown.text
    assert "020 7946 0000" in unknown.text


async def test_confirming_leads_to_the_card_and_a_second_press_to_the_same(maria: Visitor) -> None:
    path = await maria.hold()
    csrf = (await maria.get(path)).value("csrf")
    first = await maria.post(path, DETAILS | {"csrf": csrf})
    second = await maria.post(path, DETAILS | {"csrf": csrf, "name": "Somebody Else"})
    assert (first.status, second.status) == (303, 303)
    assert first.location == second.location
    assert first.location.startswith("/a/")
    assert "for Maria Ruiz" in (await maria.get(first.location)).text
    assert (await maria.get(path)).location == first.location.partition("?")[0]


async def test_everything_typed_reaches_the_clinic(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold()
    needs: Fields = {
        "access": ["interpreter", "captions", "other"],
        "access_language": "Spanish",
        "access_other": "A carer",
    }
    await maria.press(path, {**DETAILS, "who": "else", "name": "  María \t Ruiz ", "note": "a\r\nb", **needs})
    view = await clinic.booking.reading.view(path.removeprefix("/hold/"))
    assert view.patient is not None
    assert (view.patient.name, view.patient.email) == ("María Ruiz", "m.ruiz@example.org")
    assert view.note == "a\nb"
    assert view.access_needs == ("Interpreter: Spanish", "Live captions", "A carer")
    assert view.appointment.for_other


async def test_faults_are_named_beside_the_fields_and_the_typed_text_stays(maria: Visitor) -> None:
    path = await maria.hold()
    seen = await maria.press(path, DETAILS | {"name": " ", "email": "maria@", "access": ["captions"]})
    assert seen.status == 422
    assert seen.body.count("Enter your full name") == 2
    assert seen.body.count("Check the email address") == 2
    assert "<title>Error: Your details: Harbour Clinic</title>" in seen.body
    assert "There is a problem" in seen.text
    assert seen.page.links["Enter your full name"] == "#name"
    assert 'id="email" name="email" type="email" value="maria@"' in seen.body
    assert 'aria-invalid="true" aria-describedby="email-hint email-wrong"' in seen.body
    assert seen.value("phone") == "07700 900123"
    assert seen.page.checked == {"me", "captions"}


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("name", "x" * 201, "Shorten the name"),
        ("email", "a@b." + "c" * 260, "Shorten the email"),
        ("phone", "call me", "Check the phone number"),
        ("phone", "1" * 41, "Shorten the phone number"),
        ("note", "x" * 2001, "Shorten the reason"),
        ("access_other", "x" * 201, "Shorten what we should prepare"),
    ],
)
async def test_each_field_has_its_limit(maria: Visitor, field: str, text: str, words: str) -> None:
    seen = await maria.press(await maria.hold(), DETAILS | {field: text})
    assert seen.status == 422
    assert words in seen.text
    assert seen.value(field) == text


async def test_keep_longer_moves_the_deadline_and_keeps_what_was_typed(maria: Visitor) -> None:
    path = await maria.hold()
    seen = await maria.press(path, DETAILS | {"name": "Maria R"}, action="/extend")
    assert (seen.status, seen.location) == (303, path)
    seen = await maria.get(path)
    assert "Held until 11:02" in seen.text
    assert seen.value("name") == "Maria R"
    assert seen.value("note") == "Dizzy."


async def test_after_ten_times_keep_longer_is_no_longer_offered(maria: Visitor) -> None:
    path = await maria.hold()
    for _ in range(10):
        await maria.press(path, action="/extend")
    seen = await maria.get(path)
    assert "Held until 11:47" in seen.text
    assert "Keep longer" not in seen.text
    await maria.press(path, action="/extend")
    assert "Held until 11:47" in (await maria.get(path)).text


async def test_letting_go_says_so_and_frees_the_time(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold()
    assert (await maria.press(path, DETAILS, action="/release")).location == path
    seen = await maria.get(path)
    assert "You let 11:20 go" in seen.text
    assert "Nothing is booked." in seen.text
    assert "Full name" not in seen.text
    async with clinic.visitor() as other:
        await other.hold()
    seen = await maria.get(path)
    assert "The time is no longer free." in seen.text


async def test_letting_go_from_the_times_leads_back_to_the_times(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold()
    seen = await maria.press(path, action="/release")
    assert seen.location == f"/book/{clinic.clinician}?visit_type={clinic.kinds['video']}&day=2026-11-24"


async def test_change_keeps_the_hold_and_the_typed_text_for_the_next(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold()
    seen = await maria.press(path, DETAILS, action="/change")
    assert seen.location.endswith("&day=2026-11-24")
    assert "Held until" in (await maria.get(path)).text
    other = await maria.hold(START + 20 * MINUTE)
    seen = await maria.get(other)
    assert "11:40" in seen.text
    assert seen.value("email") == "m.ruiz@example.org"


async def test_an_ended_hold_offers_its_time_again_and_keeps_the_form(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold()
    await maria.press(path, DETAILS, action="/draft")
    clinic.clock.advance(15 * MINUTE)
    seen = await maria.get(path)
    assert "Hold ended at 10:57" in seen.text
    assert "Your hold on 11:20 has ended Everything you typed is still here. Nothing is booked." in seen.text
    assert "The time is no longer free" in seen.text  # 30 minutes' notice: 11:20 cannot be held at 10:57
    assert "Keep longer" not in seen.text
    assert seen.value("name") == "Maria Ruiz"
    confirm = next(button for button in seen.page.buttons if "data-confirm" in button)
    assert confirm["aria-disabled"] == "true"


async def test_a_late_confirmation_is_410_and_the_time_can_be_held_again_with_one_press(
    clinic: Harbour, maria: Visitor
) -> None:
    later = START + 120 * MINUTE
    path = await maria.hold(later)
    csrf = (await maria.get(path)).value("csrf")
    clinic.clock.advance(15 * MINUTE)
    seen = await maria.post(path, DETAILS | {"csrf": csrf})
    assert seen.status == 410
    assert "The time is still free." in seen.text
    again = [button["value"] for button in seen.page.buttons if button.get("name") == "again"]
    assert again == [str(later + step * MINUTE) for step in (0, -40, -20, 20)]
    seen = await maria.post(path, DETAILS | {"csrf": csrf, "again": again[0]})
    assert seen.status == 303
    assert seen.location != path
    assert (await maria.get(seen.location)).value("name") == "Maria Ruiz"


async def test_holding_again_what_somebody_took_says_so_and_offers_others(clinic: Harbour, maria: Visitor) -> None:
    later = START + 120 * MINUTE
    path = await maria.hold(later)
    await maria.press(path, DETAILS, action="/release")
    async with clinic.visitor() as other:
        await other.hold(later)
    seen = await maria.press(path, DETAILS | {"again": str(later)})
    assert seen.status == 409
    assert "That time has just been taken." in seen.text
    assert "Nothing has been booked." in seen.text
    assert sum(button.get("name") == "again" for button in seen.page.buttons) == 3


async def test_nonsense_to_hold_again_holds_nothing(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold()
    await maria.press(path, DETAILS, action="/release")
    assert (await maria.press(path, DETAILS | {"again": "soon"})).status == 422
    assert (await maria.press(path, DETAILS | {"again": "61"})).status == 409


async def test_a_form_of_another_site_or_without_its_token_does_nothing(maria: Visitor) -> None:
    path = await maria.hold()
    csrf = (await maria.get(path)).value("csrf")
    foreign = await maria.post(path, DETAILS | {"csrf": csrf}, {"Origin": "https://evil.example"})
    without = await maria.post(path, DETAILS)
    assert (foreign.status, without.status) == (403, 403)
    assert "Held until" in (await maria.get(path)).text


async def test_the_script_learns_the_state(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold(START + 120 * MINUTE)
    state = await _json(maria, f"{path}/state")
    deadline = NOW + 15 * MINUTE
    assert state["status"] == "held"
    assert (state["expires_at"], state["until"], state["now"]) == (deadline, "10:57", NOW * 1000)
    assert (state["extensions_left"], state["alternatives"]) == (10, [])
    clinic.clock.advance(15 * MINUTE)
    state = await _json(maria, f"{path}/state")
    assert (state["status"], state["slot_open"]) == ("expired", True)
    assert [one["label"] for one in state["alternatives"]] == ["12:40", "13:00", "13:40"]


async def test_the_script_keeps_longer_in_place(maria: Visitor) -> None:
    path = await maria.hold()
    seen = await maria.press(path, DETAILS, action="/extend", accept=JSON)
    assert seen.status == 200
    assert '"until":"11:02"' in seen.body
    assert '"extensions_left":9' in seen.body


async def test_the_script_is_told_where_a_confirmation_leads_also_the_second_time(maria: Visitor) -> None:
    path = await maria.hold()
    csrf = (await maria.get(path)).value("csrf")
    first = await maria.post(path, DETAILS | {"csrf": csrf}, {"Accept": JSON})
    second = await maria.post(path, DETAILS | {"csrf": csrf}, {"Accept": JSON})
    assert first.body == second.body
    assert '"location":"/a/' in first.body
    assert (await _json(maria, f"{path}/state"))["location"] in first.body


async def test_the_last_two_minutes_are_amber(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold()
    assert "hold--low" not in (await maria.get(path)).body
    clinic.clock.advance(13 * MINUTE)
    seen = await maria.get(path)
    assert "hold--low" in seen.body
    assert "2 minutes left" in seen.text


async def test_the_chips_fit_the_way_of_the_visit(maria: Visitor) -> None:
    in_person = await maria.get(await maria.hold(way="clinic"))
    assert "Step-free access" in in_person.text
    assert "Live captions" not in in_person.text
    assert "12 Harbour Street" not in in_person.text
    video = await maria.get(await maria.hold(START + 40 * MINUTE))
    assert "Live captions" in video.text
    assert "Step-free access" not in video.text


async def test_looking_never_changes_anything(clinic: Harbour, maria: Visitor) -> None:
    path = await maria.hold()
    for page in (path, f"{path}/state", f"{path}/extend", f"{path}/release"):
        await maria.get(page)
    assert "Held until 10:57" in (await maria.get(path)).text


async def _json(visitor: Visitor, path: str) -> Any:
    async with visitor.session.get(path) as response:
        return await response.json()
