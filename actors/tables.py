"""The tables that an append may write, and their columns: the words that stream owners and stores share."""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any


def _columns(names: str) -> tuple[str, ...]:
    return tuple(names.split())


# The first column is the primary key. A row in an append names every column: it is the final image.
TABLES: Mapping[str, tuple[str, ...]] = {
    "clinic": _columns("id name timezone phone help_hours emergency_number urgent_notice created_at_ms"),
    "visit_types": _columns("id name minutes way address position created_at_ms"),
    "clinicians": _columns(
        "id name title email about timezone slot_minutes visit_types adopted salt position"
        " created_at_ms updated_at_ms"
    ),
    "windows": _columns(
        "id clinician weekday start_minute end_minute slot_minutes buffer_minutes active valid_from"
        " valid_until created_at_ms updated_at_ms removed_at_ms removed_by"
    ),
    "appointments": _columns(
        "id number reference clinician status version visit_type start end timezone wall_start buffer_seconds"
        " expires_at extensions cause patient partner anonymous session address reason note access_needs"
        " staff_note cancelled_by for_other overlap links created_at_ms updated_at_ms"
    ),
    "claims": _columns("appointment clinician start end live overlap patient"),
    "texts": _columns("id appointment kind salt text"),
    "patients": _columns("id salt name email phone partner customer_id certain created_at_ms"),
    "users": _columns("id email name role clinician state invite invite_until_ms created_at_ms"),
    "keys": _columns("id digest scope partner created_at_ms revoked_at_ms"),
}

# `load` gives each table's rows in this order, whatever the store.
LOAD_ORDER: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "clinic": itemgetter("id"),
    "clinicians": itemgetter("id"),
    "visit_types": itemgetter("position", "id"),
    "windows": itemgetter("weekday", "start_minute", "id"),
    "appointments": itemgetter("start", "id"),
}
