"""What may happen in a calendar: `decide(state, command, now_ms) -> events`, or a refusal. Time is an argument."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from actors.calendar import messages as m
from actors.calendar.availability import LONGEST_SLOT_MINUTES, MINUTES_A_DAY, Slot, Window
from actors.calendar.openness import OPEN, in_reach, is_open, last_day, slot_at, standings
from actors.calendar.state import Appointment, Calendar, Status, Terms
from actors.command import SYSTEM
from actors.refusals import (
    HoldLapsed,
    Invalid,
    NotFound,
    ReasonRequired,
    SlotUnavailable,
    TooLate,
    TooManyHolds,
    TransitionInvalid,
    VersionConflict,
)

# Of a day's open or anonymously held starts at most this part may be in anonymous holds, so that one visitor or a bot
# cannot take a day away from everybody; a small day still lets a few patients choose at once.
ANONYMOUS_SHARE = 2
ANONYMOUS_HOLDS_ALWAYS = 3


def lapse(state: Calendar, now_ms: int) -> list[m.Event]:
    """The holds whose time is over, to be expired before anything else is decided."""
    due = [hold for hold in state.live.values() if hold.has_lapsed(now_ms)] if _may_be_due(state, now_ms) else []
    return [m.HoldExpired(hold.id, "timeout", SYSTEM) for hold in sorted(due, key=lambda hold: hold.expires_at or 0)]


def decide(state: Calendar, command: m.Command, now_ms: int) -> list[m.Event]:
    """The events that a command leads to, perhaps none; raises a `Refusal` when the answer is no."""
    if not state.is_open and not isinstance(command, m.OpenCalendar):
        raise NotFound
    rule = RULES[type(command)]
    return rule(state, command, now_ms)


def possible_actions(
    appointment: Appointment, is_staff: bool, terms: Terms, now_ms: int, is_holder: bool = True
) -> list[str]:
    """The names of the actions that would not be refused now; only the holder keeps a hold longer or lets it go."""
    if not appointment.is_live or appointment.has_lapsed(now_ms):
        return []
    if appointment.status is Status.HELD:
        longer = ["extend"] if is_holder and appointment.extensions < terms.extensions else []
        return ["confirm", *longer, *(["release"] if is_holder else []), "cancel"]
    actions = []
    if is_staff or now_ms <= _cancel_until(appointment, terms.cancel_notice_seconds) * 1000:
        actions.append("cancel")
    return actions


def _may_be_due(state: Calendar, now_ms: int) -> bool:
    return bool(state.expiries) and state.expiries[0][0] * 1000 <= now_ms


def _open_calendar(state: Calendar, command: m.OpenCalendar, now_ms: int) -> list[m.Event]:
    if state.is_open:
        raise Invalid(faults=(("", "this clinician exists already"),))
    terms = state.terms.offering(state.catalogue, command.row["visit_types"])
    return [m.CalendarOpened({**command.row, "adopted": terms.shaping()}, command.by)]


def _change_calendar(state: Calendar, command: m.ChangeCalendar, now_ms: int) -> list[m.Event]:
    after = {name: value for name, value in command.changes.items() if state.clinician[name] != value}
    if not after:
        return []
    events: list[m.Event] = [m.CalendarChanged({name: state.clinician[name] for name in after}, after, command.by)]
    if "visit_types" in after:
        terms = state.terms.offering(state.catalogue, after["visit_types"])
        events.extend(_adopt_terms(state, m.AdoptTerms(by=command.by, terms=terms), now_ms))
    return events


def _adopt_terms(state: Calendar, command: m.AdoptTerms, now_ms: int) -> list[m.Event]:
    before, after = state.clinician["adopted"], command.terms.shaping()
    return [] if before == after else [m.TermsAdopted(before, after)]


def _add_window(state: Calendar, command: m.AddWindow, now_ms: int) -> list[m.Event]:
    _check_window(state, command.window)
    return [m.WindowAdded(command.window, command.by)]


def _change_window(state: Calendar, command: m.ChangeWindow, now_ms: int) -> list[m.Event]:
    before = state.windows.get(command.window)
    if before is None:
        raise NotFound
    after = replace(before, **command.changes)
    _check_window(state, after)
    return [] if before == after else [m.WindowChanged(before, after, command.by)]


def _remove_window(state: Calendar, command: m.RemoveWindow, now_ms: int) -> list[m.Event]:
    window = state.windows.get(command.window)
    if window is None:
        raise NotFound
    return [m.WindowRemoved(window, command.by)]


def _check_window(state: Calendar, window: Window) -> None:
    faults: list[tuple[str, str]] = []
    if not 0 <= window.start_minute < MINUTES_A_DAY:
        faults.append(("/start_minute", "must be from 0 to 1439"))
    if not 0 < window.end_minute <= MINUTES_A_DAY:
        faults.append(("/end_minute", "must be from 1 to 1440"))
    elif window.start_minute >= window.end_minute:
        faults.append(("/end_minute", "must be later than start_minute; overnight hours are two windows"))
    if window.slot_minutes is not None and not 1 <= window.slot_minutes <= LONGEST_SLOT_MINUTES:
        faults.append(("/slot_minutes", f"must be from 1 to {LONGEST_SLOT_MINUTES}"))
    if window.buffer_minutes < 0 or window.buffer_minutes >= max(1, window.end_minute - window.start_minute):
        faults.append(("/buffer_minutes", "must be shorter than the window"))
    if window.valid_from and window.valid_until and window.valid_from > window.valid_until:
        faults.append(("/valid_until", "must not be before valid_from"))
    if not faults:
        faults.extend(_overlap_faults(state, window))
    if faults:
        raise Invalid(faults=tuple(faults))


def _overlap_faults(state: Calendar, window: Window) -> list[tuple[str, str]]:
    others = (other for other in state.windows.values() if other.id != window.id and other.overlaps(window))
    return [
        (
            "/start_minute",
            f"overlaps the window {_clock(other.start_minute)}-{_clock(other.end_minute)} of that weekday ({other.id})",
        )
        for other in others
    ]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _place_hold(state: Calendar, command: m.PlaceHold, now_ms: int) -> list[m.Event]:
    if not state.offers(command.visit_type):
        raise Invalid(faults=(("/visit_type", "this clinician does not offer that visit type"),))
    slot = _bookable(state, command, now_ms)
    old = _replaced(state, command)
    if next(iter(state.conflicts(slot, now_ms, old.id if old else None)), None) is not None:
        raise SlotUnavailable
    if command.anonymous and command.capped:
        _check_share(state, command, slot, old, now_ms)
    placed = m.HoldPlaced(
        appointment=command.appointment,
        number=command.number,
        reference=command.reference,
        visit_type=command.visit_type,
        start=slot.start,
        end=slot.end,
        timezone=state.zone.name,
        wall_start=state.zone.wall(slot.start),
        buffer_seconds=slot.buffer,
        # Rounded up to the second, so that the deadline that is shown is the deadline.
        expires_at=-(-now_ms // 1000) + state.terms.hold_seconds,
        partner=command.partner,
        anonymous=command.anonymous,
        session=command.session,
        address=command.address,
        by=command.by,
    )
    # The old one ends first, so that the log never tells of two at once.
    return [m.HoldExpired(old.id, "released", command.by), placed] if old else [placed]


def _replaced(state: Calendar, command: m.PlaceHold) -> Appointment | None:
    """The hold that is let go in the same step; what has become an appointment meanwhile stays, and in the way."""
    old = state.live.get(command.replaces) if command.replaces else None
    return old if old is not None and old.status is Status.HELD else None


def _bookable(state: Calendar, command: m.PlaceHold, now_ms: int) -> Slot:
    """The wanted slot if hours, notice and horizon allow it; staff are exempt from notice, not from windows."""
    if not in_reach(state, command.start, now_ms):
        raise SlotUnavailable
    slot = slot_at(state, command.start, command.visit_type)
    notice = 0 if command.by.kind in m.STAFF else state.terms.notice_seconds
    if slot is None or now_ms + notice * 1000 > slot.start * 1000:
        raise SlotUnavailable
    if state.zone.day_of(slot.start) > last_day(state, now_ms):
        raise SlotUnavailable
    return slot


def _check_share(
    state: Calendar, command: m.PlaceHold, slot: Slot, old: Appointment | None, now_ms: int
) -> None:
    day = state.zone.day_of(slot.start)
    held = [
        hold
        for hold in state.live.values()
        if hold.anonymous
        and hold.status is Status.HELD
        and hold is not old
        and not hold.has_lapsed(now_ms)
        and state.zone.day_of(hold.start) == day
    ]
    if len(held) < ANONYMOUS_HOLDS_ALWAYS:
        return
    found = standings(state, command.visit_type, day, day, now_ms, old.id if old else None)
    opens = sum(1 for _, how in found if how == OPEN)
    if len(held) + 1 > max(ANONYMOUS_HOLDS_ALWAYS, (opens + len(held)) // ANONYMOUS_SHARE):
        raise TooManyHolds(until=min(hold.expires_at or 0 for hold in held))


def _extend(state: Calendar, command: m.ExtendHold, now_ms: int) -> list[m.Event]:
    hold = _named(state, command)
    _still_held(state, hold, "extend", now_ms)
    if hold.extensions >= state.terms.extensions:
        raise TransitionInvalid(
            status=hold.status, action="extend", detail=f"This hold was extended {hold.extensions} times already."
        )
    until = (hold.expires_at or 0) + state.terms.extension_seconds
    return [m.HoldExtended(hold.id, until, command.by)]


def _release(state: Calendar, command: m.ReleaseHold, now_ms: int) -> list[m.Event]:
    hold = _named(state, command)
    if hold.status is Status.EXPIRED:
        return []
    if hold.status is not Status.HELD:
        raise TransitionInvalid(status=hold.status, action="release", detail="Only a hold can be let go.")
    cause = "timeout" if hold.has_lapsed(now_ms) else "released"
    return [m.HoldExpired(hold.id, cause, command.by)]


def _confirm(state: Calendar, command: m.Confirm, now_ms: int) -> list[m.Event]:
    hold = _named(state, command)
    if hold.status is Status.CONFIRMED:
        return []
    _still_held(state, hold, "confirm", now_ms)
    return [
        m.AppointmentConfirmed(
            hold.id, command.patient, command.note, command.access_needs, command.for_other, command.by
        )
    ]


def _cancel(state: Calendar, command: m.Cancel, now_ms: int) -> list[m.Event]:
    appointment = _named(state, command)
    is_staff = command.by.kind in m.STAFF
    if is_staff and (command.reason is None or not command.reason.text.strip()):
        raise ReasonRequired
    if not appointment.is_live or appointment.has_lapsed(now_ms):
        status = _status(appointment, now_ms)
        raise TransitionInvalid(status=status, action="cancel", detail="It has ended already.")
    until = _cancel_until(appointment, state.terms.cancel_notice_seconds)
    if not is_staff and appointment.status is Status.CONFIRMED and now_ms > until * 1000:
        raise TooLate(until=until)
    return [m.AppointmentCancelled(appointment.id, command.reason, command.staff_note, command.by)]


def _complete(state: Calendar, command: m.Complete, now_ms: int) -> list[m.Event]:
    appointment = _named(state, command)
    return _close(appointment, command, Status.COMPLETED, "complete", appointment.start, now_ms)


def _mark_no_show(state: Calendar, command: m.MarkNoShow, now_ms: int) -> list[m.Event]:
    appointment = _named(state, command)
    # The join window includes its last second.
    possible_from = appointment.end + state.terms.join_closes_after_seconds + 1
    return _close(appointment, command, Status.NO_SHOW, "no-show", possible_from, now_ms)


def _close(
    appointment: Appointment, command: m.OnAppointment, status: Status, action: str, possible_from: int, now_ms: int
) -> list[m.Event]:
    if appointment.status is not Status.CONFIRMED:
        status_now = _status(appointment, now_ms)
        raise TransitionInvalid(status=status_now, action=action, detail="Only a confirmed one can be closed.")
    if now_ms < possible_from * 1000:
        raise TransitionInvalid(
            status=appointment.status, action=action, detail="It is too early for that.", possible_from=possible_from
        )
    return [m.AppointmentClosed(appointment.id, status.value, command.by)]


def _named(state: Calendar, command: m.OnAppointment) -> Appointment:
    appointment = state.find(command.appointment)
    if appointment is None:
        raise NotFound
    if command.version is not None and command.version != appointment.version:
        raise VersionConflict(version=appointment.version)
    return appointment


def _still_held(state: Calendar, hold: Appointment, action: str, now_ms: int) -> None:
    if hold.status is Status.EXPIRED or hold.has_lapsed(now_ms):
        raise _lapsed(state, hold, now_ms)
    if hold.status is not Status.HELD:
        raise TransitionInvalid(status=hold.status, action=action, detail="It is no longer a hold.")


def _status(appointment: Appointment, now_ms: int) -> Status:
    """The status as it is judged now, whatever the timer has done."""
    return Status.EXPIRED if appointment.has_lapsed(now_ms) else appointment.status


def _lapsed(state: Calendar, hold: Appointment, now_ms: int) -> HoldLapsed:
    return HoldLapsed(slot_open=is_open(state, hold.start, hold.visit_type, now_ms), start=hold.start)


def _cancel_until(appointment: Appointment, notice_seconds: int) -> int:
    return appointment.start - notice_seconds


RULES: dict[type[m.Command], Callable[[Calendar, Any, int], list[m.Event]]] = {
    m.OpenCalendar: _open_calendar,
    m.ChangeCalendar: _change_calendar,
    m.AdoptTerms: _adopt_terms,
    m.AddWindow: _add_window,
    m.ChangeWindow: _change_window,
    m.RemoveWindow: _remove_window,
    m.PlaceHold: _place_hold,
    m.ExtendHold: _extend,
    m.ReleaseHold: _release,
    m.Confirm: _confirm,
    m.Cancel: _cancel,
    m.Complete: _complete,
    m.MarkNoShow: _mark_no_show,
}
