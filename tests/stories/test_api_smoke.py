"""x"""
from tests.stories.clinic import Clinic


async def test_a(clinic: Clinic) -> None:
    s = await clinic.slots()
    h = await clinic.hold(s[0]["start"])
    r = await h.confirm()
    print(r.json)
    await clinic.restart()
    print(await h.read())
    print(await h.read(auth="support"))
async def test_b(clinic: Clinic) -> None:
    pass
