"""The three steps of a render, each a function over an artifact store.

Running any of them twice is harmless: what is committed already is found and returned.
"""
