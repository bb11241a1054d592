"""A host of the network for pages under test, on this machine."""

import threading
from abc import ABC, abstractmethod
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class WebHost(ABC):
    """Has requests of some methods answered by its subclass. hits: for that one to count what was asked."""

    methods: ClassVar[tuple[str, ...]] = ("GET", "OPTIONS")

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
                """Nothing."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            self.answer(request)

        for method in self.methods:
            setattr(Handler, f"do_{method}", answer)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.other = f"http://localhost:{self._server.server_port}"

    @abstractmethod
    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answers a request."""

    def stop(self) -> None:
        """Ends the server; a second call changes nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
