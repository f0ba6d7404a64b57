"""References such as `K7-49Q`: the running number through a keyed permutation; they neither collide nor count."""

import hmac

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 characters; 0, O, 1 and I are mistaken for each other on the phone
SHORTEST = 5  # 33 million appointments
ROUNDS = 4  # a Feistel network is a permutation after any number; four of these mix well enough for a name


class References:
    """The references of one deployment."""

    def __init__(self, secret: bytes) -> None:
        digest = hmac.digest(secret, b"reference", "sha512")
        words = [int.from_bytes(digest[place : place + 8], "big") for place in range(0, 64, 8)]
        # Each round multiplies by its own odd number and adds another, so that it stays cheap: this is on every hold.
        self._rounds = [(words[2 * turn] | 1, words[2 * turn + 1]) for turn in range(ROUNDS)]

    def of(self, number: int) -> str:
        """The reference of an appointment number (1, 2, 3, ...); the same number always gives the same."""
        length, first = SHORTEST, 0
        while number - first >= 32**length:  # longer when the shorter ones are used up
            first += 32**length
            length += 1
        value = self._permuted(number - first, length)
        head, rest = divmod(value, 32 ** (length - 2))
        if length == SHORTEST:
            return f"{_PAIRS[head]}-{_PAIRS[rest >> 5]}{ALPHABET[rest & 31]}"
        letters = "".join([ALPHABET[(rest >> shift) & 31] for shift in range(5 * (length - 3), -1, -5)])
        return f"{_PAIRS[head]}-{letters}"

    def _permuted(self, value: int, length: int) -> int:
        """A permutation of 0 .. 32**length - 1: an even number of bits in two halves, walked until it falls inside."""
        limit = 32**length
        half = (5 * length + 1) // 2
        mask = (1 << half) - 1
        while True:
            left, right = value >> half, value & mask
            for factor, term in self._rounds:
                mixed = ((right + length) * factor + term) & _WORD
                left, right = right, left ^ ((mixed >> 29) & mask)
            value = (left << half) | right
            if value < limit:
                return value


_WORD = (1 << 64) - 1
_PAIRS = tuple(first + second for first in ALPHABET for second in ALPHABET)
