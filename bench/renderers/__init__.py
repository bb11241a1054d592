"""Comparison of renderers on the same visuals, in one run on one machine; README.md says how."""
