"""The rules of a check: what pages use, what it looks like in their files, and what a film makes of it."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from helios_worker.checking.findings import Rule, Severity


def _rule(
    name: str, severity: Severity, what: str, then: str, remedy: str, section: str, source: str | None = None
) -> Rule:
    return Rule(name, severity, what, then, remedy, section, None if source is None else re.compile(source))


_EVENTS = (
    r"(?:mouse|pointer|touch|key|wheel|click|dblclick|drag|drop|contextmenu|gamepad|deviceorientation|devicemotion)"
)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            _rule(
                "navigation",
                "unlike",
                "the page goes to another address",
                "the render is refused if that happens in the middle of the film; while the page loads, it is followed",
                "change the page in place, or show other pages in an <iframe>",
                "What cannot work",
                r"(?<!contentWindow\.)(?<!contentDocument\.)\blocation(?:\s*\.\s*(?:reload|assign|replace)\s*\("
                r"|(?:\.href)?\s*=(?!=))|(?<!contentWindow\.)\bhistory\s*\.\s*"
                r"(?:go|back|forward)\s*\(|(?i:http-equiv\s*=\s*[\"']?refresh)|\.submit\s*\(\s*\)",
            ),
            _rule(
                "input",
                "unlike",
                "the page listens for a user's input",
                "nobody points, clicks or types in a film: these events come only if the page sends them itself",
                "start by time what a user would start",
                "What is unlike a browser",
                rf"addEventListener\s*\(\s*[\"'`]{_EVENTS}|\bon{_EVENTS}\w*\s*=\s*[\"'{{]|:hover\b",
            ),
            _rule(
                "service-worker",
                "unlike",
                "the page asks for a service worker",
                "there are none, as in an older browser: files come from the page's folder",
                "check for it with if ('serviceWorker' in navigator)",
                "What cannot work",
                r"navigator\s*\.\s*serviceWorker",
            ),
            _rule(
                "shared-worker",
                "unlike",
                "the page starts a shared worker",
                "the film's clock cannot be installed in it",
                "use a Worker",
                "What cannot work",
                r"\bnew\s+SharedWorker\b",
            ),
            _rule(
                "webgpu",
                "unlike",
                "the page asks for WebGPU",
                "there is no WebGPU adapter, so a page without another way shows nothing",
                "fall back to WebGL or a 2D canvas",
                "What is unlike a browser",
                r"navigator\s*\.\s*gpu\b",
            ),
            _rule(
                "storage",
                "unlike",
                "the page uses storage or cookies",
                "storage is empty at the start of every chunk, and nothing is kept",
                "pass what the page needs as props",
                "What is unlike a browser",
                r"\b(?:localStorage|sessionStorage|indexedDB)\b|document\s*\.\s*cookie",
            ),
            _rule(
                "live",
                "unlike",
                "the page uses a live connection or stream",
                "each chunk has its own, in real time; if pictures differ, the render is refused",
                "record what it brings into a file beside the page",
                "What cannot work",
                r"\bnew\s+(?:WebSocket|EventSource|RTCPeerConnection|WebTransport)\b|\bgetUserMedia\b|\.captureStream\s*\(",
            ),
            _rule(
                "window",
                "unlike",
                "the page opens a window or a dialog",
                "other windows are refused, and dialogs are answered at once",
                "show it in the page",
                "What is unlike a browser",
                r"\bwindow\s*\.\s*open\s*\(|(?<![\w.])(?:alert|confirm|prompt|print)\s*\(|\brequestFullscreen\s*\(",
            ),
            _rule(
                "outside",
                "unlike",
                "the page names a file outside of its folder",
                "only the page's folder is served, so it is not found",
                "put the file into the folder, and name it by a relative path",
                "Files",
            ),
            _rule(
                "host",
                "note",
                "the page loads from another host",
                "the answers are recorded while the render is planned, and all chunks get the same",
                "a copy beside the page also renders without a network",
                "Files",
            ),
            _rule(
                "random",
                "note",
                "the page uses random numbers",
                "they are the same in every run; another seed gives others",
                "",
                "The clock",
                r"\bMath\s*\.\s*random\b|\bgetRandomValues\b|\brandomUUID\b",
            ),
            _rule(
                "date",
                "note",
                "the page asks for the date",
                "frame 0 is at 2026-01-01T00:00:00Z, whenever the film is rendered",
                "pass the date as a prop if the film shows it",
                "The clock",
                r"\bnew\s+Date\b(?!\s*\(\s*[^\s)])|\bDate\s*\.\s*now\b",
            ),
            _rule(
                "readback",
                "slow",
                "the page reads pixels back from a canvas",
                "each read waits until everything before it is drawn",
                "read once, or draw without reading",
                "What is slow",
                r"\.\s*(?:getImageData|toDataURL|toBlob|convertToBlob|readPixels)\s*\(",
            ),
            _rule(
                "filter",
                "slow",
                "a filter on a large part of the picture",
                "the processor computes it for every frame in which something below it moves",
                "blur an image in advance, or make the element smaller",
                "What is slow",
                r"(?:backdrop-filter|(?<![-\w])filter)\s*:\s*[^;}\"']{0,300}(?:blur|drop-shadow|url)\s*\(",
            ),
            _rule(
                "key-frames",
                "slow",
                "a video with key frames far apart",
                "each frame seeks, and a seek decodes from the key frame before",
                "encode it with a key frame every 12 pictures: ffmpeg -i in.mp4 -g 12 out.mp4",
                "What is slow",
            ),
            _rule(
                "codec",
                "unlike",
                "a video or sound that Chromium cannot play",
                "the render is refused once the page loads it",
                "convert it to H.264, VP9 or AV1, with AAC or Opus: ffmpeg -i in.mov -c:v libx264 -g 12 out.mp4",
                "Videos",
            ),
            _rule(
                "stateful",
                "stateful",
                "the page makes frames from the frames before",
                "each chunk first runs through all frames before its own",
                "draw from the time that requestAnimationFrame passes",
                "Seekable and stateful pages",
            ),
            _rule(
                "undeclared",
                "note",
                "the page does not declare its size or rate",
                "the film has 1920x1080 and 30 frames per second where neither the page nor an option says otherwise",
                'write data-width="1280" data-height="720" data-fps="30" on <html>',
                "What a page declares",
            ),
            _rule(
                "warning",
                "unlike",
                "a warning of the plan",
                "the render says the same",
                "",
                "When something is wrong",
            ),
            _rule(
                "refused",
                "refused",
                "the page would be refused",
                "the render ends with exit code 64 and this sentence",
                "",
                "When something is wrong",
            ),
        )
    }
)
