"""A demo clinic with a past: written by the same actors as real appointments, at the times of its story."""
