"""The decisions of the plan stage: what film it is, whether it can be cut, and where."""
