"""The port for randomness: identifiers, salts and the running number of appointments."""

import random
import secrets
from typing import Protocol

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 characters, none mistaken for another; safe in URLs and shells
ID_LENGTH = 20  # 100 bits: nobody guesses one, and two never meet
SALT_BYTES = 16
_LETTERS = bytes(ord(ALPHABET[value % 32]) for value in range(256))  # 32 divides 256: every letter is equally likely


class Ids(Protocol):
    """Where identifiers come from."""

    def new_id(self) -> str:
        """An opaque identifier of 20 characters, never given out before."""

    def salt(self) -> bytes:
        """16 random bytes that blind a commitment."""

    def next_number(self) -> int:
        """The next appointment number; references are made from it. Gaps are harmless, repeats are not."""

    def continue_after(self, number: int) -> None:
        """Numbers up to this one were given out in an earlier life."""


class RandomIds:
    """Identifiers from the operating system's randomness."""

    def __init__(self) -> None:
        self._number = 0

    def new_id(self) -> str:
        return secrets.token_bytes(ID_LENGTH).translate(_LETTERS).decode("ascii")

    def salt(self) -> bytes:
        return secrets.token_bytes(SALT_BYTES)

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def continue_after(self, number: int) -> None:
        self._number = max(self._number, number)


class SeededIds:
    """The same identifiers for the same seed: for simulations that must replay."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0

    def new_id(self) -> str:
        return "".join(self._random.choices(ALPHABET, k=ID_LENGTH))

    def salt(self) -> bytes:
        return self._random.randbytes(SALT_BYTES)

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def continue_after(self, number: int) -> None:
        self._number = max(self._number, number)
