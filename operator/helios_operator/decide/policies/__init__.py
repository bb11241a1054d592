"""Policies: each module answers one question with pure functions of the observation."""
