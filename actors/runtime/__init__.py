"""Actors in one process: addresses, bounded mailboxes, turns, deadlines, fates. Knows no clinics."""

from actors.runtime.actor import Address, Behaviour, Envelope, OneByOne
from actors.runtime.errors import Abandon, ActorDied, ActorFailure, AskCycle, MailboxFull, Stopping
from actors.runtime.system import System

__all__ = [
    "Abandon",
    "ActorDied",
    "ActorFailure",
    "Address",
    "AskCycle",
    "Behaviour",
    "Envelope",
    "MailboxFull",
    "OneByOne",
    "Stopping",
    "System",
]
