"""What the tests of a booking share: how a person comes to a held time and to a card, and looks at every face of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from playwright.async_api import Page

from server.booking.links import Purpose
from server.storage.queries import Wanted
from tests.browser.visits import DESK, PHONE, Shots, Visits, axe
from tests.server.pages.harbour import NOW, START, Harbour

MINUTE = 60
LATER = START + 160 * MINUTE  # 14:00: still offered when a hold of it has ended; 11:20 would be too near by then
MARIA = {"name": "Maria Fernanda de la Concepción Ruiz", "email": "m.ruiz@example.org"}
SUMMARY = "Tue 24 November, 11:20"  # the chosen time as the band says it
CONFIRM = "main >> role=button[name='Confirm appointment']"
OUTSIDE = "main, header, footer"
BLANK = "about:blank"
AT_NOW = datetime.fromtimestamp(NOW, UTC)


async def hold(page: Page, harbour: Harbour, start: int = START, way: str = "video") -> str:
    """The person takes that time and opens its page."""
    fields = {"start": str(start), "visit_type": harbour.kinds[way]}
    answer = await page.request.post(
        f"{harbour.url}/book/{harbour.clinician}", form=fields, headers={"Origin": harbour.url}, max_redirects=0
    )
    assert answer.status == 303, await answer.text()
    path = urlsplit(answer.headers["location"]).path
    await page.goto(path)
    return path


async def details(visit: Visits, harbour: Harbour, *, way: str = "video", start: int = START, **person: object) -> Page:
    """A new person with a held time in front of them."""
    page = await visit(BLANK, **person)  # type: ignore[arg-type]
    await hold(page, harbour, start, way)
    return page


async def fill(page: Page, fields: Mapping[str, str] = MARIA) -> None:
    """Type into the fields of these ids."""
    for field, text in fields.items():
        await page.locator(f"#{field}").fill(text)


async def typed(page: Page, fields: Mapping[str, str] = MARIA) -> None:
    """What was typed is still there."""
    for field, text in fields.items():
        assert await page.locator(f"#{field}").input_value() == text, field


async def card(visit: Visits, harbour: Harbour, *, way: str = "video", start: int = START, **person: object) -> Page:
    """A new person who has just confirmed."""
    page = await details(visit, harbour, way=way, start=start, **person)
    await fill(page)
    await confirm(page)
    return page


async def confirm(page: Page) -> None:
    """Press the button and arrive at the card."""
    await page.locator(CONFIRM).click()
    await page.wait_for_url("**/a/**")


def named(page: Page, harbour: Harbour) -> str:
    """The id of the appointment whose page this is."""
    parts = PurePosixPath(urlsplit(page.url).path).parts
    return parts[2] if parts[1] == "hold" else harbour.booking.links.named(parts[2]) or ""


async def path_of(harbour: Harbour, appointment: str, purpose: Purpose) -> str:
    """The path of one of its personal links."""
    found = await harbour.booking.reading.appointment(appointment)
    token = harbour.booking.links.token(purpose, found)
    return {"manage": f"/a/{token}", "join": f"/j/{token}", "calendar": f"/a/{token}/calendar.ics"}[purpose]


async def every_face(page: Page, shot: Shots, name: str) -> None:
    """Axe finds nothing on a phone and on a desk, in light and dark; a picture of each is kept.

    Motion is reduced meanwhile, or axe would meet colours halfway between the two schemes.
    """
    for width, size in (("", PHONE), ("-wide", DESK)):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            await axe(page)
            await shot(page, name + width + ("-dark" if scheme == "dark" else ""))
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await page.emulate_media(color_scheme="light", reduced_motion="no-preference")


async def heading(page: Page) -> str:
    """The words of the visible h1."""
    return await page.locator("h1:visible").inner_text()


async def listen(page: Page) -> None:
    """From now on, keep everything that the two live regions say."""
    await page.evaluate(
        """() => {
            window.heard = [];
            for (const kind of ["polite", "assertive"]) {
                const region = document.querySelector(`[data-${kind}]`);
                new MutationObserver(() => region.textContent && window.heard.push([kind, region.textContent]))
                    .observe(region, { childList: true, characterData: true, subtree: true });
            }
        }"""
    )


async def heard(page: Page) -> Sequence[Sequence[str]]:
    """What was said since `listen`: (polite or assertive, words)."""
    return json.loads(await page.evaluate("JSON.stringify(window.heard)"))  # type: ignore[no-any-return]


async def here(page: Page) -> str:
    """The path of the page, without its query."""
    return urlsplit(page.url).path


async def booked(harbour: Harbour) -> int:
    """How many appointments are confirmed in the whole clinic."""
    wanted = Wanted(status=("confirmed",), now=0, join_closes_after=0, limit=100)
    return len(await harbour.booking.reading._queries.appointments(wanted))


async def fresh_clock(page: Page, harbour: Harbour) -> None:
    """The page's clock stands still at the server's time; `pass_time` moves both."""
    await page.clock.pause_at(datetime.fromtimestamp(NOW + MINUTE, UTC))
    harbour.clock.set((NOW + MINUTE) * 1000)


async def pass_time(page: Page, harbour: Harbour, seconds: float) -> None:
    """That much time goes by for the server and in the page, timer by timer."""
    harbour.clock.advance(seconds)
    await page.clock.run_for(round(seconds * 1000))


async def walk(page: Page, backwards: bool = False) -> list[str]:
    """Press Tab through the whole page. At each stop the focus is seen and not covered. Answers ids, else words."""
    stops: list[str] = []
    while True:
        await page.keyboard.press("Shift+Tab" if backwards else "Tab")
        stop = json.loads(await page.evaluate(_STOP))
        if stop is None:
            return stops
        assert stop["ring"] >= 2, f"no focus to see: {stop}"
        assert not stop["covered"], f"covered: {stop}"
        stops.append(stop["name"])
        assert len(stops) < 60, stops


# A radio or a chip shows its focus on what is drawn for it: the label or the next element.
_STOP = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return "null";
    const ring = (part, pseudo) => {
        const style = part ? getComputedStyle(part, pseudo) : null;
        return style && style.outlineStyle !== "none" ? parseFloat(style.outlineWidth) : 0;
    };
    const box = one.getBoundingClientRect();
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    const isSeen = one === hit || one.contains(hit) || one.closest("label")?.contains(hit);
    return JSON.stringify({
        name: (one.matches("[type=radio], [type=checkbox]") && one.value) || one.id
            || one.textContent.trim().replace(/\\s+/g, " "),
        ring: Math.max(ring(one), ring(one, "::after"), ring(one.nextElementSibling)),
        covered: isSeen ? null : hit?.outerHTML ?? "outside the window",
    });
}"""
