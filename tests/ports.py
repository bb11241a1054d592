"""Ports for servers that are told theirs before they run."""

import random
import socket
from contextlib import suppress

FIRST, END = 20_000, 30_000
"""Below those that Linux gives to connections (from 32,768 on) and Kubernetes to its Services (from 30,000 on): one
that is free now is not taken by chance until its server has it."""

_choice = random.SystemRandom()  # `random` itself is seeded by Hypothesis, the same in each process


def free_port(host: str = "127.0.0.1") -> int:
    """One that nobody listens on now."""
    while True:
        port = _choice.randrange(FIRST, END)
        with suppress(OSError), socket.create_server((host, port)):
            return port
