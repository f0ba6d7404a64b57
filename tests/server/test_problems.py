"""Every refusal and every HTTP error has one problem, in the shape of the contract."""

from typing import Any

import orjson
import pytest
from aiohttp import web

from actors import refusals
from actors.refusals import Refusal
from server.problems import (
    KINDS,
    Fault,
    Problem,
    Slug,
    invalid,
    malformed,
    outside_join_window,
    problem_of_http,
    problem_of_refusal,
    retry_later,
    unauthenticated,
)

NOW_MS = 1_773_000_000_500
START = 1_773_045_000  # 2026-03-09T08:30:00Z

# The table of the contract, word for word.
CONTRACT = {
    "validation": 422,
    "malformed": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not-found": 404,
    "slot-unavailable": 409,
    "hold-expired": 410,
    "invalid-transition": 409,
    "patient-busy": 409,
    "too-late": 409,
    "reason-required": 422,
    "outside-join-window": 403,
    "conflict": 412,
    "method-not-allowed": 405,
    "unsupported-media-type": 415,
    "too-many-holds": 429,
    "rate-limited": 429,
    "too-large": 413,
    "unavailable": 503,
    "outcome-unknown": 503,
}


def body_of(problem: Problem) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(problem.body())
    return document


def all_refusals() -> list[type[Refusal]]:
    return [
        kind
        for kind in vars(refusals).values()
        if isinstance(kind, type) and issubclass(kind, Refusal) and kind is not Refusal
    ]


def test_slugs_and_statuses_are_those_of_the_contract() -> None:
    ours = {slug.value: kind.status for slug, kind in KINDS.items() if slug is not Slug.INTERNAL}
    assert ours == CONTRACT
    assert set(KINDS) == set(Slug)


@pytest.mark.parametrize("kind", all_refusals(), ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_problem(kind: type[Refusal]) -> None:
    problem = problem_of_refusal(kind(), NOW_MS)
    assert problem.slug is not Slug.INTERNAL
    assert body_of(problem)["status"] == KINDS[problem.slug].status


def test_the_body_has_the_members_of_rfc_9457() -> None:
    assert body_of(Problem(Slug.NOT_FOUND)) == {
        "type": "https://holdfast.invalid/problems/not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing here.",
    }


def test_the_response_is_problem_json_with_its_own_headers() -> None:
    response = retry_later(Slug.UNAVAILABLE, 3).response()
    assert response.status == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "3"


def test_every_fault_is_listed_with_its_pointer() -> None:
    problem = invalid(Fault("/patient/email", "is required"), Fault("/start", "is required"))
    assert body_of(problem)["errors"] == [
        {"pointer": "/patient/email", "detail": "is required"},
        {"pointer": "/start", "detail": "is required"},
    ]


def test_a_fault_of_the_whole_body_has_an_empty_pointer() -> None:
    problem = problem_of_refusal(refusals.Invalid((("", "other body"),)), NOW_MS)
    assert body_of(problem)["errors"] == [{"pointer": "", "detail": "other body"}]


def test_an_unavailable_slot_names_its_alternatives_as_instants() -> None:
    problem = problem_of_refusal(refusals.SlotUnavailable((START, START + 1800)), NOW_MS)
    assert body_of(problem)["alternatives"] == ["2026-03-09T08:30:00Z", "2026-03-09T09:00:00Z"]


def test_an_unavailable_slot_without_alternatives_says_so() -> None:
    assert body_of(problem_of_refusal(refusals.SlotUnavailable(), NOW_MS))["alternatives"] == []


def test_a_lapsed_hold_tells_whether_its_slot_is_open() -> None:
    document = body_of(problem_of_refusal(refusals.HoldLapsed(slot_open=True, start=START), NOW_MS))
    assert (document["status"], document["slot_open"]) == (410, True)


def test_an_invalid_transition_tells_from_where_what_and_when_it_will_be_possible() -> None:
    refusal = refusals.TransitionInvalid("confirmed", "complete", "Not before its start.", START)
    document = body_of(problem_of_refusal(refusal, NOW_MS))
    assert document["from"] == "confirmed"
    assert document["action"] == "complete"
    assert document["detail"] == "Not before its start."
    assert document["possible_from"] == "2026-03-09T08:30:00Z"


def test_an_impossible_transition_promises_no_time() -> None:
    document = body_of(problem_of_refusal(refusals.TransitionInvalid("held", "complete"), NOW_MS))
    assert "possible_from" not in document


def test_too_many_holds_can_be_tried_again_when_the_earliest_ends() -> None:
    problem = problem_of_refusal(refusals.TooManyHolds(until=NOW_MS // 1000 + 61), NOW_MS)
    assert problem.headers["Retry-After"] == "61"


def test_retry_after_is_never_less_than_a_second() -> None:
    assert problem_of_refusal(refusals.TooManyHolds(until=0), NOW_MS).headers["Retry-After"] == "1"


def test_a_missing_reason_points_to_the_reason() -> None:
    assert body_of(problem_of_refusal(refusals.ReasonRequired(), NOW_MS))["errors"][0]["pointer"] == "/reason"


def test_a_closed_join_window_tells_its_edges() -> None:
    document = body_of(outside_join_window(START - 600, START + 5400))
    assert (document["opens_at"], document["closes_at"]) == ("2026-03-09T08:20:00Z", "2026-03-09T10:00:00Z")


def test_missing_credentials_are_answered_with_a_challenge() -> None:
    assert unauthenticated().headers["WWW-Authenticate"] == "Bearer"
    assert Problem(Slug.UNAUTHENTICATED).response().headers["WWW-Authenticate"] == "Bearer"


def test_a_wrong_method_keeps_the_allowed_ones() -> None:
    problem = problem_of_http(web.HTTPMethodNotAllowed("PUT", ["GET", "POST"]))
    assert problem.slug is Slug.METHOD_NOT_ALLOWED
    assert problem.headers["Allow"] == "GET,POST"


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (web.HTTPNotFound(), Slug.NOT_FOUND),
        (web.HTTPUnauthorized(), Slug.UNAUTHENTICATED),
        (web.HTTPForbidden(), Slug.FORBIDDEN),
        (web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2), Slug.TOO_LARGE),
        (web.HTTPUnsupportedMediaType(), Slug.UNSUPPORTED_MEDIA_TYPE),
        (web.HTTPExpectationFailed(), Slug.MALFORMED),
        (web.HTTPRequestTimeout(), Slug.MALFORMED),
        (web.HTTPRequestURITooLong(), Slug.MALFORMED),
        (web.HTTPInternalServerError(), Slug.INTERNAL),
    ],
)
def test_http_errors_without_a_slug_of_their_own_are_malformed(error: web.HTTPException, slug: Slug) -> None:
    assert problem_of_http(error).slug is slug


def test_malformed_says_what_could_not_be_read() -> None:
    assert body_of(malformed("The body is not JSON."))["detail"] == "The body is not JSON."
