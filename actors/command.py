"""What every command carries, to whatever actor: who gives it, and under which key its answer is remembered."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: `patient partner staff clinician support admin system`, with the key or user where there is one."""

    kind: str
    id: str | None = None


SYSTEM = By("system")
PATIENT = By("patient")


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep the answer under an idempotency key, in the same transaction as the effect."""

    scope: str
    key: str
    fingerprint: str
