"""The servers that a worker has for its browsers outlive what a page does to them."""

import asyncio
import errno
import socket
import threading

from helios_worker.network.listener import Listener


class Echo(Listener):
    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.sendall(connection.recv(10))


def asked(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"hello")
        return connection.recv(10)


def refused(port: int) -> bool:
    try:
        return asked(port) == b""
    except ConnectionError:
        return True


async def answers(echo: Echo) -> bytes:
    await echo.start()
    try:
        return await asyncio.to_thread(asked, echo.port)
    finally:
        await echo.stop()


async def test_a_connection_that_cannot_be_accepted_is_not_the_last(monkeypatch):
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [OSError(errno.EMFILE, "too many open files"), ConnectionAbortedError()]

    async def failing(listening: socket.socket) -> object:
        if failures:
            raise failures.pop()
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", failing)
    assert await answers(Echo("echo")) == b"hello"
    assert not failures


async def test_a_thread_that_cannot_start_costs_one_connection(monkeypatch):
    echo, start = Echo("echo"), threading.Thread.start

    def failing(thread: threading.Thread) -> None:
        if thread.name == "echo" and not failed.is_set():
            failed.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    failed = threading.Event()
    monkeypatch.setattr(threading.Thread, "start", failing)
    await echo.start()
    try:
        assert await asyncio.to_thread(refused, echo.port)
        assert await asyncio.to_thread(asked, echo.port) == b"hello"
    finally:
        await echo.stop()
