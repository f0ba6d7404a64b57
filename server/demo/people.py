"""Who works at the demo clinic, what it offers, and who comes. All invented."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A visit type of the demo."""

    name: str
    minutes: int
    way: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """Weekly hours of a demo clinician, on some weekdays (0 = Monday)."""

    weekdays: tuple[int, ...]
    start_minute: int
    end_minute: int
    buffer_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Someone:
    """A demo clinician; `kinds` are positions in `KINDS`, `fullness` the share of times that get booked."""

    name: str
    title: str
    about: str
    timezone: str
    kinds: tuple[int, ...]
    hours: tuple[Hours, ...]
    fullness: float


CLINIC = {
    "name": "Harbour Clinic",
    "timezone": "Europe/London",
    "phone": "020 7946 0000",
    "help_hours": "Monday to Friday, 08:00 to 18:00",
    "emergency_number": "999",
    "urgent_notice": "Chest pain, trouble breathing, heavy bleeding?",
}
KINDS = (
    Kind("First visit", 30, "video"),
    Kind("Follow-up", 20, "video"),
    Kind("Visit at the clinic", 20, "clinic", "Harbour Clinic, 12 Quay Street, London E14 9AA"),
)
WEEK = (0, 1, 2, 3, 4)
CLINICIANS = (
    Someone(
        "Amira Haddad",
        "Dr",
        "General practice. New problems, follow-ups, repeat prescriptions.",
        "Europe/London",
        (0, 1),
        (Hours(WEEK, 540, 740), Hours(WEEK, 840, 960)),
        0.55,
    ),
    Someone(
        "Tomasz Wiśniewski",
        "Dr",
        "Heart and blood pressure.",
        "Europe/Warsaw",
        (0, 2),
        (Hours((0, 2, 3), 540, 720, 5), Hours((1, 3), 780, 1020, 5)),
        0.45,
    ),
    Someone(
        "Priya Raman",
        "",
        "Physiotherapy for back, neck and joints.",
        "Europe/London",
        (1, 2),
        (Hours((0, 1, 2, 3), 600, 780, 10), Hours((5,), 540, 660, 10)),
        0.4,
    ),
    Someone(
        "Eleanor Featherstonehaugh-Cholmondeley",
        "Dr",
        "Children and young people.",
        "Europe/London",
        (2,),
        (Hours((1, 3), 840, 960),),
        0.85,
    ),
)
PATIENTS = (
    "Maria Fernanda de la Concepción Ruiz",
    "Siân Ó Ceallaigh",
    "Victor Almeida",
    "Petr Novák",
    "J. Li",
    "Aisha Bello",
    "Giulia Moretti",
    "Noah Okafor",
    "Hannah Schmidt",
    "Yuki Tanaka",
    "Owen Price",
    "Fatima Zahra El Amrani",
    "Chloé Dubois",
    "Dmitri Ivanov",
    "Grace Adeyemi",
    "Lars Nygård",
    "Zofia Kowalska",
    "Samuel Osei",
    "Ines Carvalho",
    "Ravi Menon",
)
NOTES = (
    "Blood pressure tablets, dizzy in the mornings since the dose went up.",
    "Back pain after lifting, two weeks now.",
    "Results of the blood test.",
    "A cough that does not go away.",
    "Repeat prescription.",
)
NEEDS = ("Interpreter: Spanish", "Live captions", "Step-free access")
REASONS = ("The clinician is ill. We are sorry; please book another time.", "The clinic is closed that day.")
