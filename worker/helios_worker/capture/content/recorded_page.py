"""What a recorder needs of a page, whose room is above its own."""

from typing import Protocol

from helios_worker.capture.devtools.session import Session


class Complaints(Protocol):
    """Where a page's errors are noted."""

    def complain(self, text: str) -> None:
        """Notes an error of the page."""
        ...


class Cookies(Protocol):
    """What a page was given by the network."""

    @property
    def given_cookies(self) -> frozenset[str]:
        """Names of the cookies that answers set."""
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
    def network(self) -> Cookies:
        """What the page was given."""
        ...
