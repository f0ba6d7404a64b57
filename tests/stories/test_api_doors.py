"""Who may come in where: every route with every kind of credential, and the order in which faults are judged."""

from collections.abc import Mapping
from typing import Final

import pytest

from server.api.routes import ROUTES
from tests.stories.clinic import PREFIX, Clinic, Reply, at, instant

KEYS: Final = ("partner", "staff", "support", "admin")
OUTSIDERS: Final = ("garbage", "own token", "foreign token", "join token", "calendar token")
ANYBODY: Final = dict.fromkeys(("none", *KEYS), "in") | dict.fromkeys(("revoked", *OUTSIDERS), 401)
STAFF: Final = dict.fromkeys(KEYS[1:], "in") | {"partner": 403} | dict.fromkeys(("none", "revoked", *OUTSIDERS), 401)
ADMIN: Final = STAFF | {"staff": 403, "support": 403}
HOLDER_OR_STAFF: Final = (
    dict.fromkeys(("own token", *KEYS[1:]), "in")
    | {"none": 401, "revoked": 401}
    | dict.fromkeys(("partner", "garbage", "foreign token", "join token", "calendar token"), 404)
)
HOLDER: Final = HOLDER_OR_STAFF | dict.fromkeys(KEYS[1:], 403)

DOORS: Final[Mapping[tuple[str, str], Mapping[str, int | str]]] = {
    ("GET", "/clinic"): ANYBODY,
    ("GET", "/clinicians"): STAFF,
    ("POST", "/clinicians"): ADMIN,
    ("GET", "/clinicians/{id}"): STAFF,
    ("PATCH", "/clinicians/{id}"): ADMIN,
    ("GET", "/clinicians/{id}/slots"): ANYBODY,
    ("POST", "/clinicians/{id}/holds"): ANYBODY,
    ("GET", "/clinicians/{id}/availability"): STAFF,
    ("POST", "/clinicians/{id}/availability"): STAFF,
    ("GET", "/availability/{id}"): STAFF,
    ("PATCH", "/availability/{id}"): STAFF,
    ("DELETE", "/availability/{id}"): STAFF,
    ("GET", "/visit-types"): STAFF,
    ("POST", "/visit-types"): ADMIN,
    ("GET", "/visit-types/{id}"): STAFF,
    ("GET", "/appointments"): STAFF,
    ("GET", "/appointments/{id}"): HOLDER_OR_STAFF,
    ("POST", "/appointments/{id}/confirm"): HOLDER_OR_STAFF,
    ("POST", "/appointments/{id}/cancel"): HOLDER_OR_STAFF,
    ("POST", "/appointments/{id}/extend"): HOLDER,
    ("POST", "/appointments/{id}/release"): HOLDER,
}
ROUTED: Final = sorted({(method, path) for method, path, _ in ROUTES})
PATHS: Final = sorted({path for _, path in ROUTED})
SLUGS: Final = {401: "unauthenticated", 403: "forbidden", 404: "not-found", 422: "validation"}
UNKNOWN: Final = "z" * 20


@pytest.fixture
async def doors(clinic: Clinic) -> tuple[Clinic, dict[str, str], dict[str, str]]:
    """A clinic with an appointment; every kind of credential by name, and an existing id for every kind of path."""
    own, foreign = await clinic.book("2027-03-23T09:00:00Z"), await clinic.hold("2027-03-24T09:00:00Z")
    links = (await own.confirm()).is_ok()["links"]
    revoked_id, revoked = await clinic.new_key("admin")
    await clinic.revoke(revoked_id)
    windows = (await clinic.get(f"/clinicians/{clinic.amira}/availability", auth="staff")).is_ok()["availability"]
    credentials = {name: clinic.keys[name] for name in KEYS} | {
        "garbage": "not-a-key-or-a-token",
        "revoked": revoked,
        "own token": own.token,
        "foreign token": foreign.token,
        "join token": links["join"].rpartition("/")[2],
        "calendar token": links["calendar"].split("/")[-2],
    }
    ids = {
        "clinicians": clinic.amira,
        "availability": windows[0]["id"],
        "visit-types": clinic.follow_up,
        "appointments": own.id,
    }
    return clinic, credentials, ids


def spelled(path: str, ids: Mapping[str, str]) -> str:
    """A path of the table with an id in it."""
    return path.replace("{id}", ids.get(path.split("/")[1], UNKNOWN))


def test_every_route_of_the_api_stands_in_the_table() -> None:
    assert set(ROUTED) == set(DOORS)


async def test_every_door_opens_for_those_who_may_and_for_nobody_else(
    doors: tuple[Clinic, dict[str, str], dict[str, str]],
) -> None:
    clinic, credentials, ids = doors
    for (method, path), expected in DOORS.items():
        assert set(expected) == {"none", *credentials}
        for who, outcome in expected.items():
            # A body with one unknown field: whoever is let in is told of it, and nothing changes.
            body = {} if method == "GET" else {"body": {"unknown": 1}}
            reply = await clinic.send(method, spelled(path, ids), auth=credentials.get(who), **body)
            wanted = outcome if isinstance(outcome, int) else 200 if method == "GET" else 422
            assert reply.status == wanted, (method, path, who, reply.body)
            if wanted != 200:
                reply.is_problem(wanted, SLUGS[wanted])
            if wanted == 401:
                assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_unknown_id_is_not_found_by_everybody_who_showed_a_credential(
    doors: tuple[Clinic, dict[str, str], dict[str, str]],
) -> None:
    clinic, credentials, _ = doors
    for (method, path), expected in DOORS.items():
        if "{id}" not in path:
            continue
        for who, outcome in expected.items():
            body = {} if method == "GET" else {"body": {"unknown": 1}}
            reply = await clinic.send(method, spelled(path, {}), auth=credentials.get(who), **body)
            wanted = 401 if outcome == 401 else 404
            reply.is_problem(wanted, SLUGS[wanted])


async def test_what_belongs_to_others_looks_exactly_like_what_does_not_exist(
    doors: tuple[Clinic, dict[str, str], dict[str, str]],
) -> None:
    clinic, credentials, ids = doors
    foreign = await clinic.get(f"/appointments/{ids['appointments']}", auth=credentials["foreign token"])
    unknown = await clinic.get(f"/appointments/{UNKNOWN}", auth=credentials["foreign token"])
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body)


async def test_other_methods_are_refused_with_those_that_are_allowed(clinic: Clinic) -> None:
    for path in PATHS:
        allowed = {method for method, route in ROUTED if route == path}
        allowed |= {"HEAD"} if "GET" in allowed else set()
        for method in sorted({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed):
            reply = await clinic.send(method, spelled(path, {}), auth="admin")
            assert reply.status == 405, (method, path)
            assert {name.strip() for name in reply.headers["Allow"].split(",")} == allowed
            if method != "HEAD":
                reply.is_problem(405, "method-not-allowed")


async def test_head_answers_like_get_without_a_body(doors: tuple[Clinic, dict[str, str], dict[str, str]]) -> None:
    clinic, _, ids = doors
    for path in (route for method, route in ROUTED if method == "GET"):
        shown = await clinic.get(spelled(path, ids), auth="admin")
        head = await clinic.send("HEAD", spelled(path, ids), auth="admin")
        assert (head.status, head.body) == (shown.status, b"")
        for name in ("Content-Type", "Content-Length", "ETag", "Content-Security-Policy"):
            assert head.headers.get(name) == shown.headers.get(name)


async def test_an_unknown_route_is_not_found_unless_the_credential_is_worthless(clinic: Clinic) -> None:
    for path in ("", "/", "/nothing", "/clinic/", "/clinicians/x/y", "/appointments/a/b/c", "//clinic"):
        for who in (None, "admin", "partner"):
            (await clinic.get(path, auth=who)).is_problem(404, "not-found")
            (await clinic.post(path, {}, auth=who)).is_problem(404, "not-found")
        worthless = 404 if path.startswith("/appointments/") else 401
        (await clinic.get(path, auth="worthless")).is_problem(worthless, SLUGS[worthless])


async def test_a_header_that_is_no_credential_is_refused(clinic: Clinic) -> None:
    hold = await clinic.hold("2027-03-23T09:00:00Z")
    for header in ("Basic YTpi", "Bearer", "Bearer ", "hfk_x.y", "Token abc"):
        for path in ("/clinic", "/appointments", hold.path, "/nothing"):
            reply = await clinic.send("GET", path, headers={"Authorization": header})
            reply.is_problem(401, "unauthenticated")
    for header in ("Bearer \xff\xfe", "Bearer hfk_\xff.\xff", "bearer hfk_x", "BEARER x"):
        for path, status in (("/clinic", 401), ("/appointments", 401), (hold.path, 404)):
            reply = await clinic.send("GET", path, headers={"Authorization": header})
            reply.is_problem(status, SLUGS[status])
    shown = await clinic.send("GET", hold.path, headers={"Authorization": f"bearer  {hold.token}"})
    shown.is_ok()


async def test_a_key_with_another_secret_is_no_live_key(clinic: Clinic) -> None:
    key = clinic.keys["admin"]
    changed = key[:-1] + ("a" if key[-1] != "a" else "b")
    hold = await clinic.hold("2027-03-23T09:00:00Z")
    (await clinic.get("/appointments", auth=changed)).is_problem(401, "unauthenticated")
    (await clinic.get(hold.path, auth=changed)).is_problem(404, "not-found")


async def test_keys_made_and_revoked_beside_the_server_count_from_the_next_request_on(clinic: Clinic) -> None:
    key_id, key = await clinic.new_key("staff")
    (await clinic.get("/appointments", auth=key)).is_ok()
    await clinic.revoke(key_id)
    hold = await clinic.hold("2027-03-23T09:00:00Z")
    for path in ("/appointments", "/clinic", hold.path, f"/clinicians/{clinic.amira}/slots", "/nothing"):
        (await clinic.get(path, auth=key)).is_problem(401, "unauthenticated")


async def test_faults_are_judged_in_the_order_of_the_contract(
    doors: tuple[Clinic, dict[str, str], dict[str, str]],
) -> None:
    clinic, credentials, ids = doors
    own = f"/appointments/{ids['appointments']}"

    async def post(path: str, data: bytes, who: str, query: str = "") -> Reply:
        return await clinic.send("POST", path + query, auth=credentials[who], data=data)

    large, broken, wrong = b" " * 70_000, b"{", b'{"unknown": 1}'
    for path in ("/nothing", "/clinicians", f"/appointments/{UNKNOWN}/confirm"):
        (await post(path, large, "revoked")).is_problem(413, "too-large")
        (await post(path, broken, "revoked")).is_problem(400, "malformed")
    (await post("/clinicians", b"{}", "revoked", "?unknown=1")).is_problem(400, "malformed")
    (await post("/nothing", wrong, "revoked")).is_problem(401, "unauthenticated")
    (await post("/nothing", wrong, "admin")).is_problem(404, "not-found")
    (await post(f"/clinicians/{UNKNOWN}/availability", wrong, "partner")).is_problem(404, "not-found")
    (await post(f"/clinicians/{clinic.amira}/availability", wrong, "partner")).is_problem(403, "forbidden")
    (await post(f"{own}/extend", wrong, "staff")).is_problem(403, "forbidden")
    (await post(f"{own}/extend", wrong, "own token")).is_problem(422, "validation", "/unknown")
    (await post(f"{own}/extend", b"{}", "own token")).is_problem(409, "invalid-transition")


async def test_an_unknown_query_parameter_is_refused_everywhere(clinic: Clinic) -> None:
    for method, path in ROUTED:
        reply = await clinic.send(method, spelled(path, {}) + "?unknown=1", auth="admin")
        reply.is_problem(400, "malformed")


async def test_a_partners_key_reaches_its_own_bookings_only(clinic: Clinic) -> None:
    own, others = await clinic.hold("2027-03-23T09:00:00Z", auth="partner"), await clinic.hold("2027-03-24T09:00:00Z")
    _, rival = await clinic.new_key("partner", "another-partner")
    assert (await own.read())["partner"] == "harbour-insurance"
    assert (await own.read(auth="partner"))["id"] == own.id
    (await clinic.get(others.path, auth="partner")).is_problem(404, "not-found")
    (await clinic.get(own.path, auth=rival)).is_problem(404, "not-found")
    (await own.act("cancel", {}, auth=rival)).is_problem(404, "not-found")
    (await own.act("extend", {}, auth="partner")).is_problem(403, "forbidden")
    (await own.confirm(auth="partner")).is_ok()
    (await own.act("cancel", {}, auth="partner")).is_ok()


@pytest.mark.parametrize("partner", ["another-partner", "harbour-insurance"])
async def test_a_hold_names_a_partner_only_with_that_partners_key(clinic: Clinic, partner: str) -> None:
    body = {"start": instant(at("2027-03-23T09:00Z")), "visit_type": clinic.follow_up, "partner": partner}
    path = f"/clinicians/{clinic.amira}/holds"
    (await clinic.post(path, body)).is_problem(422, "validation", "/partner")
    (await clinic.post(path, body, auth="admin")).is_problem(422, "validation", "/partner")
    reply = await clinic.post(path, body, auth="partner")
    if partner == "another-partner":
        reply.is_problem(422, "validation", "/partner")
    else:
        assert reply.is_ok(201)["appointment"]["partner"] == partner


async def test_addresses_of_the_api_are_below_its_prefix(clinic: Clinic) -> None:
    async with clinic.session.get(f"{PREFIX}x/clinic") as response:
        assert response.status == 404
        assert response.headers["Content-Type"] == "application/problem+json"
