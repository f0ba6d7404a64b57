"""The bounded queue by itself."""

import asyncio
from typing import Any

import pytest

from actors.runtime import Envelope, MailboxFull
from actors.runtime.mailbox import Mailbox


def filled(*messages: object, limit: int = 10) -> Mailbox:
    mailbox = Mailbox(limit)
    for message in messages:
        mailbox.put(Envelope(message, None, 0))
    return mailbox


def asked(arrived_ms: int) -> Envelope:
    reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    return Envelope(arrived_ms, reply, arrived_ms)


def test_it_gives_out_what_came_first_and_no_more_than_wanted() -> None:
    mailbox = filled(1, 2, 3, 4, 5)
    assert [envelope.message for envelope in mailbox.take(2)] == [1, 2]
    assert [envelope.message for envelope in mailbox.take(3)] == [3, 4, 5]
    assert not mailbox


def test_what_it_gave_out_is_not_touched_by_what_comes_later() -> None:
    mailbox = filled(1, 2)
    mail = mailbox.take(5)
    mailbox.put(Envelope(3, None, 0))
    assert [envelope.message for envelope in mail] == [1, 2]
    assert len(mailbox) == 1


def test_it_refuses_more_than_its_limit() -> None:
    with pytest.raises(MailboxFull):
        filled(1, 2, 3, limit=2)


async def test_only_asks_that_are_old_enough_are_refused() -> None:
    mailbox = Mailbox(10)
    old, told, young = asked(1), Envelope("told", None, 1), asked(2)
    for envelope in (old, told, young):
        mailbox.put(envelope)
    mailbox.refuse_older(1, MailboxFull())
    assert not old.is_open
    assert young.is_open
    assert mailbox.take(5) == [told, young]
    assert old._reply is not None
    assert isinstance(old._reply.exception(), MailboxFull)


async def test_the_oldest_ask_is_one_that_somebody_still_waits_for() -> None:
    mailbox = filled("told")
    assert mailbox.oldest_ask_ms() is None
    gone = asked(1)
    gone.answer(None)
    for envelope in (gone, asked(2), asked(3)):
        mailbox.put(envelope)
    assert mailbox.oldest_ask_ms() == 2
