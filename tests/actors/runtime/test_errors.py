"""What a log may show of an exception."""

import traceback

from actors.runtime.errors import wordless


def test_a_wordless_error_keeps_types_and_traceback_of_the_whole_chain_and_drops_every_text() -> None:
    secret = "alice"
    try:
        try:
            raise ValueError(secret)
        except ValueError:
            empty: dict[str, str] = {}
            empty[secret]
    except KeyError as error:
        shown = "".join(traceback.format_exception(wordless(error)))
    assert "KeyError" in shown
    assert "ValueError" in shown
    assert "test_errors.py" in shown
    assert "alice" not in shown


def test_a_suppressed_context_stays_suppressed() -> None:
    try:
        try:
            raise ValueError
        except ValueError:
            raise KeyError from None
    except KeyError as error:
        shown = "".join(traceback.format_exception(wordless(error)))
    assert "ValueError" not in shown.replace("except ValueError", "").replace("raise ValueError", "")
