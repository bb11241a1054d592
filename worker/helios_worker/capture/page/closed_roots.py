"""Gives the clock the shadow roots that no script can see, so that it finds the animations in them.

They are the closed ones that are written in the markup, and those that the browser makes inside of its own elements:
the text of a <marquee>, the content of a <details>, the parts of a form control.
"""

import asyncio
import contextlib
from itertools import islice

from helios_worker.capture.devtools.cdp import CommandRefused, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.page.clock_handles import GATE

# Runs in the root's own realm, whose gate this is.
HAND_OVER = f"function (secret, isOfElement) {{ 'use strict'; {GATE}(secret).addShadowRoot(this, isOfElement) }}"
# The clock asks each root for its animations, again and again.
MOST_OF_ELEMENTS = 200
ELEMENTS = frozenset({"MARQUEE", "DETAILS", "SELECT", "INPUT", "TEXTAREA", "PROGRESS", "METER", "VIDEO", "AUDIO"})


class ClosedRoots:
    """The closed shadow roots of one page and its frames. secret: of the page's clock."""

    def __init__(self, session: Session, secret: str) -> None:
        self._session = session
        self._secret = secret
        self._given: set[int] = set()

    async def hand_over(self) -> None:
        """Passes on each root that there is by now and that the clock does not have yet."""
        # A flat list: DOM.getDocument nests its answer as the page does, and fails beyond 143 levels.
        self._session.post("DOM.enable")
        nodes = (await self._session.command("DOM.getFlattenedDocument", {"depth": -1, "pierce": True}))["nodes"]
        new = {number: is_of for number, is_of in _closed_roots(nodes).items() if number not in self._given}
        self._given.update(new)
        of_elements = islice((number for number, is_of in new.items() if is_of), MOST_OF_ELEMENTS)
        written = (number for number, is_of in new.items() if not is_of)
        await asyncio.gather(
            *(self._pass_on(number, is_of_element=True) for number in of_elements),
            *(self._pass_on(number, is_of_element=False) for number in written),
        )
        await self._session.command("DOM.disable")

    async def _pass_on(self, number: int, *, is_of_element: bool) -> None:
        with contextlib.suppress(CommandRefused):  # it is gone by now
            resolved = await self._session.command("DOM.resolveNode", {"backendNodeId": number})
            arguments = [{"value": self._secret}, {"value": is_of_element}]
            call = {
                "objectId": resolved["object"]["objectId"],
                "functionDeclaration": HAND_OVER,
                "arguments": arguments,
            }
            await self._session.command("Runtime.callFunctionOn", call)


def _closed_roots(nodes: list[Message]) -> dict[int, bool]:
    """The roots by their numbers, and whether the browser has made them."""
    found: dict[int, bool] = {}
    for node in nodes:
        for root in (node, *node.get("shadowRoots", ())):
            if root.get("shadowRootType") == "closed":
                found[root["backendNodeId"]] = False
            elif root.get("shadowRootType") == "user-agent" and node["nodeName"].upper() in ELEMENTS:
                found[root["backendNodeId"]] = True
    return found
