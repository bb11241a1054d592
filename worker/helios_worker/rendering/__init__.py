"""Renders a chunk's frames: lanes of browsers, work stealing between them, the pool of encoders."""
