"""Proof that a file holds what it should: by decoding, counting and comparing."""
