"""Gives the clock the shadow roots that no script can see, so that it finds the animations in them.

They are the closed ones that are written in the markup, and those that the browser makes inside of its own elements:
the text of a <marquee>, the content of a <details>, the parts of a form control.
"""

import asyncio
import contextlib
from collections.abc import Collection

from helios_worker.capture.devtools.cdp import CommandRefused, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.page.clock_handles import GATE

# Runs in the root's own realm, whose gate this is.
HAND_OVER = f"function (secret, isOfElement) {{ 'use strict'; {GATE}(secret).addShadowRoot(this, isOfElement) }}"
AT_ONCE = 500
MOVING = frozenset({"MARQUEE", "DETAILS", "VIDEO", "AUDIO"})
# What is inside of them moves only where a style sheet says so (clock/parts.js).
CONTROLS = frozenset({"SELECT", "INPUT", "TEXTAREA", "PROGRESS", "METER"})
COPIES = frozenset({"USE"})


class ClosedRoots:
    """The closed shadow roots of one page and its frames. secret: of the page's clock."""

    def __init__(self, session: Session, secret: str) -> None:
        self._session = session
        self._secret = secret
        self._given: set[int] = set()

    async def hand_over(self, *, parts: bool = False, copies: bool = False) -> None:
        """Passes on each root that there is by now and that the clock does not have yet.

        parts: the insides of form controls too. copies: those of <use>.
        """
        # A flat list: DOM.getDocument nests its answer as the page does, and fails beyond 143 levels.
        self._session.post("DOM.enable")
        nodes = (await self._session.command("DOM.getFlattenedDocument", {"depth": -1, "pierce": True}))["nodes"]
        elements = MOVING | (CONTROLS if parts else frozenset()) | (COPIES if copies else frozenset())
        new = [(number, is_of) for number, is_of in _closed_roots(nodes, elements).items() if number not in self._given]
        for start in range(0, len(new), AT_ONCE):
            batch = new[start : start + AT_ONCE]
            await asyncio.gather(*(self._pass_on(number, is_of_element=is_of) for number, is_of in batch))
            self._given.update(number for number, _ in batch)
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


def _closed_roots(nodes: list[Message], elements: Collection[str]) -> dict[int, bool]:
    """The roots by their numbers, and whether the browser has made them, which counts for these elements only."""
    found: dict[int, bool] = {}
    for node in nodes:
        for root in (node, *node.get("shadowRoots", ())):
            if root.get("shadowRootType") == "closed":
                found[root["backendNodeId"]] = False
            elif root.get("shadowRootType") == "user-agent" and node["nodeName"].upper() in elements:
                found[root["backendNodeId"]] = True
    return found
