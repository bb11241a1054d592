"""What a recorder needs of a page, whose room is above its own."""

from typing import Protocol

from helios_worker.capture.devtools.session import Session


class Complaints(Protocol):
    """Where a page's errors are noted."""

    def complain(self, text: str) -> None:
        """Notes an error of the page."""
        ...


class Requests(Protocol):
    """What is known of a page's requests."""

    @property
    def given_cookies(self) -> frozenset[str]:
        """Names of the cookies that answers set."""
        ...

    def is_readable(self, number: str) -> bool:
        """Whether a script may read the answer to a request. number: the browser's name for the request."""
        ...


class RecordedPage(Protocol):
    """What a recorder needs of a page."""

    @property
    def session(self) -> Session:
        """The page's session."""
        ...

    @property
    def console(self) -> Complaints:
        """The page's errors."""
        ...

    @property
    def network(self) -> Requests:
        """The page's requests."""
        ...
