"""The clinic itself: its name, zone and visit types, as a stream of its own."""
