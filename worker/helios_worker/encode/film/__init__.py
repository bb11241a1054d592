"""Joins segments to the film: packets in order, the index in front."""
