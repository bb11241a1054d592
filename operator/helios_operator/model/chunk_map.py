"""A chunk in the status' chunkMap: one character each."""

WAITING, ACTIVE, DONE, CACHED, GIVEN_UP = ".", "a", "#", "=", "!"
RENDERED = frozenset((DONE, CACHED))
