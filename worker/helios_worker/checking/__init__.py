"""Checks a page before it is rendered: what it uses that will be slow, stateful, refused, or unlike a browser."""
