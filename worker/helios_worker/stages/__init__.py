"""The three steps of a render, each a function over an artifact store.

Running a stage twice is harmless: the second run finds the commit of the first and returns it.
"""
