"""Audio tracks, which are copied."""
