"""Gives the clock the closed shadow roots that are written in the markup, which no script can see."""

from helios_worker.capture.devtools.cdp import Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.page.clock_handles import GATE

# Runs in the root's own realm, whose gate this is.
HAND_OVER = f"function (secret) {{ 'use strict'; {GATE}(secret).addShadowRoot(this) }}"


async def hand_over_closed_roots(session: Session, secret: str) -> None:
    """Passes each closed root in the page and its frames to the clock, which then finds the animations in it.

    secret: of the page's clock.
    """
    # A flat list: DOM.getDocument nests its answer as the page does, and fails beyond 143 levels.
    session.post("DOM.enable")
    nodes = (await session.command("DOM.getFlattenedDocument", {"depth": -1, "pierce": True}))["nodes"]
    for node in _closed_roots(nodes):
        resolved = await session.command("DOM.resolveNode", {"backendNodeId": node})
        await session.command(
            "Runtime.callFunctionOn",
            {
                "objectId": resolved["object"]["objectId"],
                "functionDeclaration": HAND_OVER,
                "arguments": [{"value": secret}],
            },
        )
    await session.command("DOM.disable")


def _closed_roots(nodes: list[Message]) -> set[int]:
    roots = (root for node in nodes for root in (node, *node.get("shadowRoots", ())))
    return {root["backendNodeId"] for root in roots if root.get("shadowRootType") == "closed"}
