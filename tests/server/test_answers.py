"""Answers of the API are JSON in UTF-8."""

from server.answers import encoded_answer, json_answer


def test_data_becomes_json() -> None:
    answer = json_answer({"name": "Zoë"}, 201, {"Location": "/api/v1/x"})
    assert answer.body == '{"name":"Zoë"}'.encode()
    assert (answer.status, answer.headers["Location"]) == (201, "/api/v1/x")
    assert answer.headers["Content-Type"] == "application/json"


def test_an_encoded_body_goes_out_as_it_is() -> None:
    assert encoded_answer(b"{ }").body == b"{ }"
