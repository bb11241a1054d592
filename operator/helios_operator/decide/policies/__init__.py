"""Policies: one question each, answered by a pure function of what was observed."""
