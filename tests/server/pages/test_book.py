"""Choosing a clinician and a time, as plain pages and forms, against the real server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.calendar.availability import Window
from actors.calendar.messages import AddWindow, OpenCalendar
from actors.clinic.actor import OpenClinic
from actors.command import SYSTEM
from actors.manual_clock import ManualClock
from server.config import load
from server.serve import serving
from tests.server.pages.harbour import NOW, START, Harbour, Seen, Visitor, harbour

MINUTE = 60
DAY = 86_400
TUESDAY, FRIDAY = 1, 4


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[Harbour]:
    async with harbour(tmp_path) as found:
        yield found


@pytest.fixture
async def maria(clinic: Harbour) -> AsyncIterator[Visitor]:
    async with clinic.visitor() as visitor:
        yield visitor


@pytest.fixture
async def petr(clinic: Harbour) -> AsyncIterator[Visitor]:
    async with clinic.visitor() as visitor:
        yield visitor


async def colleague(clinic: Harbour, name: str, title: str = "") -> str:
    """Another clinician, who has no hours."""
    key = clinic.booking.ids.new_id()
    row = {"id": key, "name": name, "title": title, "about": "Knees.", "email": None, "position": 2, "salt": b"0" * 16}
    more = {"timezone": "Europe/London", "slot_minutes": 20, "visit_types": None}
    await clinic.booking.calendars.ask(key, OpenCalendar(by=SYSTEM, row=row | more))
    return key


async def opened(clinic: Harbour, clinician: str, weekday: int, start: int = 540, end: int = 600) -> None:
    """Give a clinician hours."""
    window = Window(clinic.booking.ids.new_id(), weekday, start, end)
    await clinic.booking.calendars.ask(clinician, AddWindow(by=SYSTEM, window=window))


def times(clinic: Harbour, way: str = "video", more: str = "", clinician: str = "") -> str:
    """The address of a clinician's times."""
    return f"/book/{clinician or clinic.clinician}?visit_type={clinic.kinds[way]}{more}"


def offered(seen: Seen) -> list[int]:
    """The starts that have a button."""
    return [int(button["value"]) for button in seen.page.buttons if button.get("name") == "start"]


async def press(visitor: Visitor, start: int | str, way: str = "video", **headers: str) -> Seen:
    harbour = visitor.harbour
    fields = {"start": str(start), "visit_type": harbour.kinds[way]}
    return await visitor.post(f"/book/{harbour.clinician}", fields, headers)


async def test_the_list_shows_who_what_for_how_long_and_when_next(clinic: Harbour, maria: Visitor) -> None:
    await colleague(clinic, "Priya Raman")
    seen = await maria.get("/")
    assert "Dr Amira Haddad" in seen.text
    assert "Video At the clinic By phone 20 min" in seen.text
    assert "Next free: today, 11:20" in seen.text
    assert "Fully booked until 23 January." in seen.text
    assert seen.text.index("Not for emergencies.") < seen.text.index("Dr Amira Haddad")
    assert seen.headers["Cache-Control"] == "no-store"


async def test_a_clinic_with_one_clinician_goes_straight_to_the_times(clinic: Harbour, maria: Visitor) -> None:
    seen = await maria.get("/book")
    assert (seen.status, seen.location) == (303, f"/book/{clinic.clinician}")


async def test_before_set_up_a_page_says_so(tmp_path: Path) -> None:
    config = load({"HOLDFAST_DATABASE": str(tmp_path / "empty.db"), "HOLDFAST_PORT": "0"})
    clock = ManualClock(NOW * 1000)
    async with serving(config, clock=clock) as (engine, url):
        anybody = Harbour(engine.booking, clock, url, "", {}).visitor()
        async with anybody as visitor:
            seen = await visitor.get("/")
    assert seen.status == 503
    assert "This clinic is not open for booking yet" in seen.text


async def test_several_kinds_of_visit_are_chosen_first_by_links(clinic: Harbour, maria: Visitor) -> None:
    seen = await maria.get(f"/book/{clinic.clinician}")
    assert "What kind of visit?" in seen.text
    assert offered(seen) == []
    chosen = await maria.get(seen.page.links["Examination"])
    assert "Examination, at the clinic, 20 min" in chosen.text


async def test_the_first_day_with_a_free_time_is_shown_with_its_zone(clinic: Harbour, maria: Visitor) -> None:
    seen = await maria.get(times(clinic))
    assert "Tuesday 24 November" in seen.text
    assert "All times are London time (GMT)." in seen.text
    assert offered(seen)[0] == START
    assert "11:20 , Tuesday 24 November, video with Dr Amira Haddad" in seen.text


async def test_another_day_is_a_link_away(clinic: Harbour, maria: Visitor) -> None:
    seen = await maria.get(times(clinic, more="&day=2026-12-01"))
    assert offered(seen)[0] == START + 7 * DAY - 140 * MINUTE
    assert "Tuesday 1 December" in seen.text
    odd = await maria.get(times(clinic, more="&day=yesterday"))
    assert offered(odd)[0] == START


async def test_a_press_holds_the_time_and_goes_on_to_the_details(clinic: Harbour, maria: Visitor) -> None:
    seen = await press(maria, START)
    assert seen.status == 303
    assert seen.location.startswith("/hold/")
    assert "HttpOnly" in seen.headers["Set-Cookie"]
    assert (await maria.get(seen.location)).status == 200


async def test_a_time_that_somebody_holds_is_no_button_for_others(
    clinic: Harbour, maria: Visitor, petr: Visitor
) -> None:
    await press(maria, START)
    seen = await petr.get(times(clinic))
    assert START not in offered(seen)
    assert "11:20 held" in seen.text


async def test_the_holder_is_reminded_and_can_go_on_or_let_go(clinic: Harbour, maria: Visitor) -> None:
    held = (await press(maria, START)).location
    seen = await maria.get(times(clinic))
    assert "You are holding Tue 24 Nov, 11:20" in seen.text
    assert f'href="{held}"' in seen.body
    await maria.post(f"{held}/release", {"csrf": seen.value("csrf")})
    again = await maria.get(times(clinic))
    assert "You are holding" not in again.text
    assert START in offered(again)


async def test_a_lost_race_says_so_and_offers_the_three_nearest(clinic: Harbour, maria: Visitor, petr: Visitor) -> None:
    await press(maria, START)
    seen = await press(petr, START)
    assert seen.status == 409
    assert "11:20 has just been taken. Nothing has been booked." in seen.text
    assert offered(seen)[:3] == [START + 20 * MINUTE, START + 40 * MINUTE, START + 60 * MINUTE]
    assert "<title>Error: Choose a time" in seen.body
    assert (await press(petr, offered(seen)[0])).status == 303


async def test_a_lost_race_on_another_day_shows_that_day(clinic: Harbour, maria: Visitor, petr: Visitor) -> None:
    await press(maria, START + 7 * DAY)
    seen = await press(petr, START + 7 * DAY)
    assert seen.status == 409
    assert 'data-day="2026-12-01"' in seen.body


async def test_a_press_from_another_site_holds_nothing(clinic: Harbour, maria: Visitor) -> None:
    seen = await press(maria, START, Origin="https://elsewhere.example")
    assert seen.status == 403
    assert "That request did not come from our page" in seen.text
    assert START in offered(await maria.get(times(clinic)))


@pytest.mark.parametrize("start", ["", "soon", "-1", "1e9", "9" * 12, "١٢٣"])
async def test_nonsense_is_no_time(maria: Visitor, start: str) -> None:
    seen = await press(maria, start)
    assert seen.status == 422
    assert "That was not one of the times." in seen.text


async def test_an_unknown_clinician_is_a_page_with_a_way_out(maria: Visitor) -> None:
    seen = await maria.get("/book/nobody")
    assert seen.status == 404
    assert "We could not find that clinician" in seen.text
    assert seen.page.links["See all clinicians"] == "/book"


async def test_an_address_that_does_not_exist_is_a_page_too(maria: Visitor) -> None:
    seen = await maria.get("/no/such/page")
    assert seen.status == 404
    assert "This page does not exist" in seen.text
    assert "020 7946 0000" in seen.text


async def test_a_day_without_a_free_time_names_the_next_one(clinic: Harbour, maria: Visitor, petr: Visitor) -> None:
    await opened(clinic, clinic.clinician, FRIDAY, 540, 560)
    friday = START + 3 * DAY - 140 * MINUTE
    assert (await press(maria, friday)).status == 303
    seen = await petr.get(times(clinic, more="&day=2026-11-27"))
    assert "No times free." in seen.text
    assert "Next free time: Tuesday 1 December, 09:00 ." in seen.text
    assert f'href="{times(clinic, more="&amp;day=2026-12-01")}"' in seen.body


async def test_nothing_free_at_all_says_why_and_names_the_ways_on(clinic: Harbour, maria: Visitor) -> None:
    other = await colleague(clinic, "Priya Raman")
    seen = await maria.get(times(clinic, clinician=other))
    assert "No times free right now" in seen.text
    assert "Priya Raman has not opened any times yet." in seen.text
    assert seen.page.links["Dr Amira Haddad"] == f"/book/{clinic.clinician}"
    assert seen.page.links["Call the clinic"] == "tel:02079460000"
    assert offered(seen) == []


async def test_too_many_holds_are_refused_with_a_time_to_come_back(tmp_path: Path) -> None:
    config = load({"HOLDFAST_DATABASE": str(tmp_path / "small.db"), "HOLDFAST_PORT": "0"})
    clock = ManualClock(NOW * 1000)
    async with serving(config, clock=clock) as (engine, url):
        row = {"name": "Quay Clinic", "timezone": "Europe/London", "phone": "020 7946 0001", "help_hours": ""}
        await engine.booking.calendars.ask_clinic(
            OpenClinic(by=SYSTEM, row=row | {"emergency_number": "", "urgent_notice": ""})
        )
        quay = Harbour(engine.booking, clock, url, "", {})
        person = await colleague(quay, "Priya Raman")
        await opened(quay, person, TUESDAY, 540, 1020)
        address = f"/book/{person}"
        seen = None
        while seen is None or seen.status == 303:  # half of a day may be held by people nobody knows
            async with quay.visitor() as holder:
                start = offered(await holder.get(f"{address}?day=2026-12-01"))[0]
                seen = await holder.post(address, {"start": str(start), "visit_type": ""})
    assert seen.status == 429
    assert "Too many times are being held" in seen.text
    assert "Nothing has been booked." in seen.text
    assert 0 < int(seen.headers["Retry-After"]) <= 900


async def test_the_page_tells_its_script_where_it_stands(clinic: Harbour, maria: Visitor) -> None:
    body = (await maria.get(times(clinic))).body
    for name in ("calendar", "visit-type", "day", "timezone", "way", "epoch", "seq", "now"):
        assert f' data-{name}="' in body
    assert "Refresh times" in body
    assert "modulepreload" in body
