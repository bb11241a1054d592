"""A chunk's frames at work: lanes of browsers, work stealing between them, the pool of encoders, the engine."""
