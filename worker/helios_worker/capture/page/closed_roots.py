"""Closed shadow roots written in the markup: no script can see them, so the inspector hands them to the clock."""

from helios_worker.capture.devtools.cdp import Message
from helios_worker.capture.devtools.session import Session

HAND_OVER = "function () { this.ownerDocument.defaultView.__heliosClosedRoot(this) }"


async def hand_over_closed_roots(session: Session) -> None:
    """Tells the clock of each closed root in the page and its frames, so that it finds the animations within."""
    document = (await session.command("DOM.getDocument", {"depth": -1, "pierce": True}))["root"]
    for node in _closed_roots(document):
        resolved = await session.command("DOM.resolveNode", {"backendNodeId": node})
        await session.command(
            "Runtime.callFunctionOn",
            {"objectId": resolved["object"]["objectId"], "functionDeclaration": HAND_OVER},
        )
    await session.command("DOM.disable")


def _closed_roots(node: Message) -> list[int]:
    found: list[int] = []
    pending = [node]
    while pending:
        node = pending.pop()
        if node.get("shadowRootType") == "closed":
            found.append(node["backendNodeId"])
        pending.extend(node.get("children", ()))
        pending.extend(node.get("shadowRoots", ()))
        if "contentDocument" in node:
            pending.append(node["contentDocument"])
    return found
