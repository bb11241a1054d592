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
    document = (await session.command("DOM.getDocument", {"depth": -1, "pierce": True}))["root"]
    for node in _closed_roots(document):
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


def _closed_roots(node: Message) -> list[int]:
    roots: list[int] = []
    pending = [node]
    while pending:
        node = pending.pop()
        if node.get("shadowRootType") == "closed":
            roots.append(node["backendNodeId"])
        pending.extend(node.get("children", ()))
        pending.extend(node.get("shadowRoots", ()))
        if "contentDocument" in node:
            pending.append(node["contentDocument"])
    return roots
