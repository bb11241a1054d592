"""Verifies video files by decoding, counting and comparing."""
