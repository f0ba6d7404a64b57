"""References such as `K7-49Q`: the running number through a keyed permutation; they neither collide nor count."""

import hashlib
import hmac

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 characters; 0, O, 1 and I are mistaken for each other on the phone
SHORTEST = 5  # 33 million appointments
ROUNDS = 6  # a Feistel network is a permutation after any number; six mix well enough for a name


class References:
    """The references of one deployment."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"reference", "sha256")

    def of(self, number: int) -> str:
        """The reference of an appointment number (1, 2, 3, ...); the same number always gives the same."""
        length, first = SHORTEST, 0
        while number - first >= 32**length:  # longer when the shorter ones are used up
            first += 32**length
            length += 1
        value = self._permuted(number - first, length)
        letters = "".join(ALPHABET[(value >> shift) & 31] for shift in range(5 * (length - 1), -1, -5))
        return f"{letters[:2]}-{letters[2:]}"

    def _permuted(self, value: int, length: int) -> int:
        """A permutation of 0 .. 32**length - 1: an even number of bits in two halves, walked until it falls inside."""
        bits = 5 * length
        half = (bits + 1) // 2
        while True:
            left, right = value >> half, value & ((1 << half) - 1)
            for turn in range(ROUNDS):
                left, right = right, left ^ self._round(turn, length, right, half)
            value = (left << half) | right
            if value < 1 << bits:
                return value

    def _round(self, turn: int, length: int, value: int, half: int) -> int:
        digest = hashlib.blake2b(f"{turn} {length} {value}".encode(), key=self._key, digest_size=8).digest()
        return int.from_bytes(digest, "big") & ((1 << half) - 1)
