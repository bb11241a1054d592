"""A server on loopback, for the browsers of this machine."""

import asyncio
import socket
import threading
from abc import ABC, abstractmethod

PAUSE_SECONDS = 0.05


class Listener(ABC):
    """Serves each connection in a thread of its own. The port is bound at once, since browsers are started with it.

    name: of its threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._accepting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serves; a second call changes nothing."""
        if self._accepting is None:
            self._accepting = asyncio.create_task(self._accept(), name=self._name)

    async def stop(self) -> None:
        """Closes the port; connections end with the browsers that have them."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        self._socket.close()

    @abstractmethod
    def _serve(self, connection: socket.socket) -> None:
        """Serves one connection in a thread, and closes it."""

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._socket)
            except OSError:  # no descriptor is free, or the browser has given up: the next may have better luck
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            connection.setblocking(True)
            try:
                threading.Thread(target=self._serve, args=(connection,), name=self._name, daemon=True).start()
            except RuntimeError:  # no thread is free
                connection.close()
