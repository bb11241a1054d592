"""The characters of the status' chunkMap: one per chunk, for its state."""

WAITING, ACTIVE, DONE, CACHED, GIVEN_UP = ".", "a", "#", "=", "!"
RENDERED = frozenset((DONE, CACHED))
