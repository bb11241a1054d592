"""The decisions of the plan stage: the film's size, rate and length, whether it can be chunked, and where."""
