"""The URL of a film, as far as it can be judged before anything is rendered: `kubectl apply` refuses the rest.

Otherwise such a URL is only found to be wrong when the whole film has been rendered.
"""

from typing import Annotated

from helios_crds.base import Rule, Shape, StoreUrl

MAX_NAME = 220
"""Bytes of a name in it. File systems allow 255, and the film has a longer name while it is written."""


class ShortNames(Rule):
    """No name in an address is longer than a file's can be."""

    says = f"must not contain a name of more than {MAX_NAME} bytes: files cannot have longer ones"

    @property
    def rule(self) -> str:
        """The rule in CEL."""
        return f"self.split('/').all(part, bytes(part).size() <= {MAX_NAME})"

    def holds(self, text: str) -> bool:
        """The same in Python."""
        return all(len(part.encode(errors="replace")) <= MAX_NAME for part in text.split("/"))


FilmUrl = Annotated[
    StoreUrl,
    Shape(
        "^(file://|(s3|gs|az)://[^/]+)(/[^/]+)+$",
        "must name a file, such as s3://media/out/teaser.mp4",
    ),
    ShortNames(),
]
