"""An HTTP proxy on this machine that is asked for tunnels, as companies have between their machines and the web."""

import socket
import threading
from abc import ABC, abstractmethod
from contextlib import suppress


class ConnectProxy(ABC):
    """Has each connection served by its subclass, in a thread. asked: for that one to note what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Takes no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @abstractmethod
    def serve(self, connection: socket.socket) -> None:
        """Serves a connection, which is closed afterwards."""

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, EOFError):
            self.serve(connection)


def head_of(connection: socket.socket) -> str:
    """The head of a request.

    Raises:
        EOFError: the connection ended in it.
    """
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(4096)
        if not data:
            raise EOFError
        head += data
    return head.decode("latin-1")
