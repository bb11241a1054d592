"""Films do not meet: what one page leaves behind or holds, no other page finds, and a page reads no film but its own.

One page leaves every trace it can. Three pages look for them: one of the same film after the first is closed, one of
another film after it, and one of the same film beside it. Each row is one kind of trace.

Long, because the attacks are one table, and each is a script of some lines.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from helios_worker.artifacts.snapshot import Snapshot, take_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings
from helios_worker.network.addresses import AddressRule
from tests.integration.worker.web_host import WebHost

SETTINGS = PageSettings(64, 64, Fraction(30), page_errors="warn")
WEB = "%WEB%"
ANSWER_SECONDS = 5.0

# What is left, and how it is looked for. Each is the body of an async function; `left` holds what the first one returned.
TRACES = {
    "a cookie": ("document.cookie = 'a=1; max-age=9999'", "return /a=1/.test(document.cookie)"),
    "a cookie of all films": (
        "document.cookie = 'b=1; domain=composition.localhost; path=/; max-age=9999'",
        "return /b=1/.test(document.cookie)",
    ),
    "a cookie store": ("await cookieStore.set('c', '1')", "return !!(await cookieStore.get('c'))"),
    "a visit": ("localStorage.visits = 1", "return 'visits' in localStorage"),
    "session storage": ("sessionStorage.s = 1", "return 's' in sessionStorage"),
    "a database": (
        "await new Promise((r, e) => { const o = indexedDB.open('d'); o.onsuccess = r; o.onerror = e })",
        "return (await indexedDB.databases()).length > 0",
    ),
    "a private file": (
        "const f = await (await navigator.storage.getDirectory()).getFileHandle('f', {create: true});"
        "const w = await f.createWritable(); await w.write('x'); await w.close()",
        "for await (const name of (await navigator.storage.getDirectory()).keys()) return name",
    ),
    "a file of the old file system": (
        "await new Promise((r, e) => webkitRequestFileSystem(0, 99, s => s.root.getFile('o', {create: true}, r, e), e))",
        "return new Promise(r => webkitRequestFileSystem(0, 99, s => s.root.getFile('o', {}, () => r(true), () => r()),"
        " () => r()))",
    ),
    "a cache": (
        "await (await caches.open('k')).put('/k', new Response('x'))",
        "return (await caches.keys()).length > 0",
    ),
    "a storage bucket": (
        "await navigator.storageBuckets?.open('bucket')",
        "return ((await navigator.storageBuckets?.keys()) ?? []).length > 0",
    ),
    "the space that storage takes": (
        "await (await caches.open('big')).put('/b', new Response(new Uint8Array(1 << 22)))",
        "return (await navigator.storage.estimate()).usage > 1 << 20",
    ),
    "the address of a blob": (
        "return URL.createObjectURL(new Blob(['x']))",
        "return left && fetch(left).then(() => true, () => false)",
    ),
    "a module in a blob": (
        "return URL.createObjectURL(new Blob(['export default 1'], {type: 'text/javascript'}))",
        "return left && import(left).then(() => true, () => false)",
    ),
    "a shared worker": (
        "const w = new SharedWorker('shared.js'); return new Promise(r => { w.port.onmessage = e => r(e.data) })",
        "const w = new SharedWorker('shared.js'); return new Promise(r => { w.port.onmessage = e => r(e.data > 1) })",
    ),
    "a shared worker in a blob": (
        "const u = URL.createObjectURL(new Blob([await (await fetch('shared.js')).text()]));"
        "const w = new SharedWorker(u); return new Promise(r => { w.port.onmessage = () => r(u) })",
        "if (!left) return false; try { const w = new SharedWorker(left); w.onerror = e => e.preventDefault();"
        "return await Promise.race([new Promise(r => { w.port.onmessage = () => r(true) }), later().then(() => false)])"
        "} catch { return false }",
    ),
    "a service worker": (
        "await navigator.serviceWorker?.register('service.js')",
        "return !!navigator.serviceWorker && (await navigator.serviceWorker.getRegistrations()).length > 0",
    ),
    "a channel": (
        "const c = window.kept = new BroadcastChannel('c'); c.onmessage = () => c.postMessage('here')",
        "const c = new BroadcastChannel('c'); const heard = new Promise(r => { c.onmessage = () => r(true) });"
        "c.postMessage('who'); return Promise.race([heard, later().then(() => false)])",
    ),
    "a lock": (
        "return new Promise(r => navigator.locks.request('l', () => { r(1); return new Promise(() => {}) }))",
        "return (await navigator.locks.query()).held.length > 0",
    ),
    "an event of storage": (
        "addEventListener('storage', () => { localStorage.answered = 1 })",
        "localStorage.asked = 1; await later(); return 'answered' in localStorage",
    ),
    "a name of a window": ("window.name = 'mine'", "return window.name !== ''"),
    "a window by its name": (
        "window.open('other.html', 'named'); window.name = 'named2'",
        "const w = window.open('', 'named') ?? window.open('', 'named2'); return !!w",
    ),
    "history": ("history.pushState(0, '', '?1'); history.pushState(0, '', '?2')", "return history.length > 2"),
    "a permission": (
        "await Notification.requestPermission(); await navigator.storage.persist()",
        "return Notification.permission === 'granted' || await navigator.storage.persisted()",
    ),
    "a changed prototype": ("Object.prototype.mark = 1", "return 'mark' in {}"),
    "the cache of another host": (
        "await fetch('%WEB%/cached', {cache: 'force-cache'})",
        "const told = await (await fetch('%WEB%/cached', {cache: 'force-cache'})).text(); return told !== TURN",
    ),
    "a cookie of another host": (
        "await fetch('%WEB%/cookie', {credentials: 'include'})",
        "return (await (await fetch('%WEB%/cookie', {credentials: 'include'})).text()).includes('k=')",
    ),
    "a redirect that is kept": (
        "await fetch('%WEB%/moved')",
        "return (await (await fetch('%WEB%/moved')).text()) !== TURN",
    ),
    "a preflight that is kept": (
        "await fetch('%WEB%/checked', {headers: {'X-A': '1'}}); return 1",
        "await fetch('%WEB%/checked', {headers: {'X-A': '1'}}); return false",
    ),
    "a cookie of its partition": (
        "document.cookie = 'p=1; Secure; SameSite=None; Path=/; Partitioned; max-age=9999'",
        "return /p=1/.test(document.cookie)",
    ),
    "a cookie of a frame": (
        "const f = document.createElement('iframe'); document.body.append(f);"
        "f.contentDocument.cookie = 'f=1; max-age=9999'",
        "return /f=1/.test(document.cookie)",
    ),
    "a database within a bucket": (
        "const b = await navigator.storageBuckets?.open('deep'); if (b) await new Promise((r, e) => {"
        " const o = b.indexedDB.open('d'); o.onsuccess = r; o.onerror = e })",
        "const b = await navigator.storageBuckets?.open('deep'); return !!b && (await b.indexedDB.databases()).length > 0",
    ),
    "a private file that a worker holds open": (
        "const w = window.holder = new Worker(URL.createObjectURL(new Blob([`(async () => { const d = await"
        " navigator.storage.getDirectory(); const f = await d.getFileHandle('held', {create: true});"
        " self.h = await f.createSyncAccessHandle(); postMessage(1) })().catch(e => postMessage(String(e)))`])));"
        "return new Promise(r => { w.onmessage = e => r(e.data) })",
        "return (await navigator.storage.getDirectory()).getFileHandle('held').then(() => true, () => false)",
    ),
    "shared storage": (
        "await window.sharedStorage?.set('k', '1')",
        "return !!window.sharedStorage && (await sharedStorage.length?.() ?? 0) > 0",
    ),
    "a lock that is stolen": (
        "return new Promise(r => navigator.locks.request('s', {steal: true}, () => { r(1); return new Promise(() => {}) }))",
        "return new Promise(r => navigator.locks.request('s', {ifAvailable: true}, l => r(!l)))",
    ),
    "a channel in a worker": (
        "window.caller = new Worker(URL.createObjectURL(new Blob([`const c = new BroadcastChannel('w');"
        " c.onmessage = () => c.postMessage('here'); postMessage(1)`])));"
        "return new Promise(r => { window.caller.onmessage = () => r(1) })",
        "const c = new BroadcastChannel('w'); const heard = new Promise(r => { c.onmessage = () => r(true) });"
        "c.postMessage('who'); return Promise.race([heard, later().then(() => false)])",
    ),
    "a font": (
        "document.fonts.add(new FontFace('mine', 'local(monospace)'))",
        "return [...document.fonts].some(font => font.family === 'mine')",
    ),
    "an element of its own": (
        "customElements.define('my-own', class extends HTMLElement {})",
        "return !!customElements.get('my-own')",
    ),
    "a property of CSS": (
        "CSS.registerProperty({name: '--mine', syntax: '<number>', inherits: false, initialValue: '7'})",
        "return getComputedStyle(document.body).getPropertyValue('--mine') === '7'",
    ),
    "what it has asked for": (
        "await fetch('shared.js?mine')",
        "return performance.getEntriesByType('resource').some(entry => entry.name.includes('mine'))",
    ),
    "a place to scroll to": ("history.scrollRestoration = 'manual'", "return history.scrollRestoration === 'manual'"),
    "what navigation remembers": (
        "navigation.updateCurrentEntry({state: {mine: 1}})",
        "return navigation.entries().some(entry => entry.getState()?.mine)",
    ),
    "the size of the cache of code": (
        "await fetch('%WEB%/cached?script', {cache: 'force-cache'})",
        "return fetch('%WEB%/cached?script', {cache: 'only-if-cached', mode: 'same-origin'}).then(() => true, () => false)",
    ),
    # The last two are in the way of much that comes after.
    "all of local storage": (
        "let n = 1 << 20; for (let i = 0; n > 1000; i++)"
        " { try { localStorage[`f${i}`] = 'x'.repeat(n) } catch { n >>= 1 } }",
        "localStorage.z = 'x'.repeat(1 << 20); const all = JSON.stringify(localStorage).length; delete localStorage.z;"
        " return all > (1 << 20) + 1000",
    ),
    "too many cookies": (
        "for (let i = 0; i < 170; i++)"
        " document.cookie = `x${i}=${'x'.repeat(4000)}; domain=composition.localhost; path=/; max-age=9999`",
        "return document.cookie.length > 100",
    ),
}

# What goes on outside of its page, or after it, or asks the user.
OUTSIDE = {
    "a window": "return !!window.open('%WEB%/window')",
    "a window without an opener": "window.open('%WEB%/window', '_blank', 'noopener')",
    "a blank window with a real clock": "return !!window.open('about:blank')",
    "a window from a frame": "document.body.append(Object.assign(document.createElement('iframe'),"
    " {srcdoc: \"<script>parent.opened = !!open('%WEB%/window')</script>\"})); await later(); return window.opened",
    "a link to a new window": "click({href: '%WEB%/window', target: '_blank'})",
    "a link to a named window": "click({href: '%WEB%/window', target: 'elsewhere', rel: 'opener'})",
    "a form in a new window": "document.body.append(Object.assign(document.createElement('form'),"
    " {action: '%WEB%/window', target: '_blank'})); document.querySelector('form').submit()",
    "a download": "click({href: URL.createObjectURL(new Blob(['evil'])), download: 'evil.txt'})",
    "a download to a path": "click({href: 'data:application/octet-stream,evil', download: '../../evil.txt'})",
    "a download by a frame": "document.body.append(Object.assign(document.createElement('iframe'),"
    " {src: 'data:application/octet-stream,evil'}))",
    "a print": "window.print()",
    "a notification": "try { new Notification('evil') } catch {} return Notification.permission === 'granted'",
    "a full screen": "return document.documentElement.requestFullscreen().then(() => true, () => false)",
    "a file from the user": "return showSaveFilePicker().then(() => true, () => false)",
    "a page prepared by rules": "document.head.append(Object.assign(document.createElement('script'),"
    " {type: 'speculationrules', text: JSON.stringify({prerender: [{urls: ['prepared.html'], eagerness: 'immediate'}]})}))",
    "the clipboard": "return navigator.clipboard.writeText('evil').then(() => true, () => false)",
    "a place": "return new Promise(r => navigator.geolocation.getCurrentPosition(() => r(true), () => r(false)))",
    "a window from a worker's script": "return new Promise(r => { const w = new Worker(URL.createObjectURL(new Blob(["
    "`postMessage(typeof clients + typeof open)`]))); w.onmessage = e => r(e.data !== 'undefinedundefined') })",
    "a window beside the picture": "return !!window.documentPictureInPicture"
    " && documentPictureInPicture.requestWindow().then(() => true, () => false)",
    "a page that was prepared by a link": "document.head.append(Object.assign(document.createElement('link'),"
    " {rel: 'prerender', href: '%WEB%/prepared-by-link'}))",
    "a download in the background": "return navigator.serviceWorker?.ready ? true : false",
    "a payment": "return !!window.PaymentRequest && new PaymentRequest([{supportedMethods: '%WEB%/pay'}],"
    " {total: {label: 'x', amount: {currency: 'EUR', value: '1'}}}).show().then(() => true, () => false)",
    "a device": "return !!navigator.usb && navigator.usb.requestDevice({filters: []}).then(() => true, () => false)",
    "a program of the machine": "click({href: 'mailto:a@example.org'}); click({href: 'ms-settings:'}); return false",
    "a folder of the user's": "return showDirectoryPicker().then(() => true, () => false)",
    "a share": "return !!navigator.share && navigator.share({title: 'x'}).then(() => true, () => false)",
    "a screen that stays on": "return navigator.keyboard?.lock().then(() => false, () => false) ?? false",
    "a camera": "return navigator.mediaDevices.getUserMedia({video: true}).then(() => true, () => false)",
}

# How a page reads another film that is open in another browser, or was open before. HOST, PORT: the other film's.
READS = {
    "by its name": "return text('http://HOST/secret.json')",
    "by its name, in capitals": "return text('http://HOST/secret.json'.toUpperCase().replace('SECRET.JSON', 'secret.json'))",
    "by its name and port": "return text('http://HOST:PORT/secret.json')",
    "by its name, dotted": "return text('http://HOST.:PORT/secret.json')",
    "by the loopback address": "return text('http://127.0.0.1:PORT/secret.json')",
    "by another loopback address": "return text('http://127.1.2.3:PORT/secret.json')",
    "by localhost": "return text('http://localhost:PORT/secret.json')",
    "by a name below it": "return text('http://x.HOST:PORT/secret.json')",
    "by a name that ends like it": "return text('http://HOST.localhost:PORT/secret.json')",
    "by IPv6": "return text('http://[::1]:PORT/secret.json')",
    "by mapped IPv6": "return text('http://[::ffff:127.0.0.1]:PORT/secret.json')",
    "by a number": "return text('http://2130706433:PORT/secret.json')",
    "by a user in the address": "return text('http://HOST@127.0.0.1:PORT/secret.json')",
    "by TLS": "return text('https://HOST:PORT/secret.json')",
    "by a forged host": "return text('http://127.0.0.1:PORT/secret.json', {headers: {Host: 'HOST'}})",
    "by a forged forwarding": "return text('http://127.0.0.1:PORT/secret.json', {headers: {'X-Forwarded-Host': 'HOST'}})",
    "by a request within a request": "return text('http://127.0.0.1:PORT/', {method: 'POST', mode: 'no-cors', body:"
    " 'GET /secret.json HTTP/1.1\\r\\nHost: HOST\\r\\n\\r\\n'})",
    "by a path that is an address": "return text('/http://HOST/secret.json')",
    "by a path upwards": "return text('/..%2f..%2f..%2fstore/blobs/SECRET')",
    "by its hash": "return text('/blobs/SECRET')",
    "by an old request": "return new Promise(r => { const x = new XMLHttpRequest(); x.open('GET', 'http://HOST/secret.json');"
    " x.onload = () => r(x.status < 400 ? x.responseText : ''); x.onerror = () => r(''); x.send() })",
    "by a frame": "const f = document.createElement('iframe'); f.src = 'http://HOST/index.html'; document.body.append(f);"
    "await new Promise(r => { f.onload = r }); try { return f.contentDocument.body.textContent } catch { return '' }",
    "by a frame that answers": "const f = document.createElement('iframe'); f.src = 'http://HOST/index.html';"
    "const said = new Promise(r => addEventListener('message', e => r(e.data)));document.body.append(f);"
    "return Promise.race([said, new Promise(r => { f.onload = r }).then(() => later()).then(() => '')])",
    "by a script": "return new Promise(r => { const s = document.createElement('script'); s.src = 'http://HOST/film.js';"
    " s.onload = () => r(window.secret ?? ''); s.onerror = () => r(''); document.body.append(s) })",
    "by a module": "return import('http://HOST/film.js').then(() => window.secret ?? '', () => '')",
    "by a picture": "return new Promise(r => { const i = new Image(); i.src = 'http://HOST/secret.svg';"
    " i.onload = () => r('secret picture'); i.onerror = () => r('') })",
    "by a worker": "return new Promise(r => { const w = new Worker(URL.createObjectURL(new Blob([`fetch("
    "'http://HOST/secret.json').then(a => a.ok ? a.text() : '', () => '').then(postMessage)`]))); w.onmessage = e => r(e.data) })",
    "by a socket": "return new Promise(r => { const s = new WebSocket('ws://HOST/secret.json');"
    " s.onopen = () => r('secret socket'); s.onerror = () => r('') })",
    "by a redirect": "return text('%WEB%/to?http://HOST/secret.json')",
    "by a redirect to its port": "return text('%WEB%/to?http://HOST:PORT/secret.json')",
    "by zero": "return text('http://0.0.0.0:PORT/secret.json', {headers: {Host: 'HOST'}})",
    "by an octal number": "return text('http://0177.0.0.1:PORT/secret.json')",
    "by a hexadecimal number": "return text('http://0x7f.1:PORT/secret.json')",
    "by wide digits": "return text('http://\uff11\uff12\uff17.0.0.1:PORT/secret.json')",
    "by IPv6 zero": "return text('http://[::]:PORT/secret.json')",
    "by IPv4 in IPv6 for translation": "return text('http://[64:ff9b::7f00:1]:PORT/secret.json')",
    "by a tab in the name": "return text('http://HO\tST:PORT/secret.json'.replace('HO\tST', 'HOST'.slice(0, 3) + '\t' + 'HOST'.slice(3)))",
    "by an escaped name": "return text('http://' + 'HOST'.replace('c', '%63') + ':PORT/secret.json')",
    "by an event stream": "return new Promise(r => { const s = new EventSource('http://HOST/secret.json');"
    " s.onmessage = e => r(e.data); s.onerror = () => { s.close(); r('') } })",
    "by a style sheet": "return new Promise(r => { const l = document.createElement('link'); l.rel = 'stylesheet';"
    " l.href = 'http://HOST/secret.json'; l.onload = () => r('secret sheet'); l.onerror = () => r(''); document.head.append(l) })",
    "by an object": "const o = document.createElement('object'); o.data = 'http://HOST/secret.svg'; document.body.append(o);"
    " await Promise.race([new Promise(r => { o.onload = o.onerror = r }), later()]);"
    " return o.contentDocument?.querySelector('svg') ? 'secret object' : ''",
    "by a base": "const b = document.createElement('base'); b.href = 'http://HOST/'; document.head.append(b);"
    " try { return await text('secret.json') } finally { b.remove() }",
    "by a preload": "return new Promise(r => { const l = document.createElement('link'); l.rel = 'preload'; l.as = 'fetch';"
    " l.crossOrigin = ''; l.href = 'http://HOST/secret.json'; l.onload = async () => r(await text(l.href)); l.onerror = () => r('');"
    " document.head.append(l) })",
    "by an image in an SVG": "return new Promise(r => { const i = new Image(); i.src = 'data:image/svg+xml,' + encodeURIComponent("
    '\'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="http://HOST/secret.svg"'
    ' width="9" height="9"/></svg>\'); i.onload = i.onerror = () => r(\'\'); })',
    "by a worker of its origin": "return new Promise(r => { try { const w = new Worker('http://HOST/film.js'); w.onerror = e => {"
    " e.preventDefault(); r('') }; w.onmessage = e => r('secret worker') } catch { r('') } })",
    "by its own name and their port": "return text(`http://${location.hostname}:PORT/secret.json`)",
    "by a beacon's answer": "navigator.sendBeacon('http://HOST/secret.json'); return ''",
}

COMMON = """
const later = async () => { for (let n = 0; n < 12; n++) await (await fetch('shared.js')).text() };
const text = async (...asked) => { try { const a = await fetch(...asked); return a.ok ? await a.text() : '' } catch { return '' } };
const click = a => { const link = Object.assign(document.createElement('a'), a); document.body.append(link); link.click() };
"""
SHARED = "let n = 0; onconnect = e => { n++; e.ports[0].postMessage(n) }"


def program(body: str) -> str:
    """A function of what was left there; its value is what the body returns, or what it threw."""
    return (
        f"(async left => {{ {COMMON} try {{ return (await (async () => {{ {body} }})()) ?? false }}"
        " catch (e) { return `threw ${e}` } })"
    )


class Web(WebHost):
    """A host of the network. hits: by path. turn: what it says for now."""

    def __init__(self) -> None:
        self.turn = "first"
        super().__init__()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path, _, query = request.path.partition("?")
        self.hits[f"{request.command} {path}"] += 1
        body = (request.headers.get("Cookie", "") if path == "/cookie" else self.turn).encode()
        headers = {
            "Access-Control-Allow-Origin": request.headers.get("Origin", "*"),
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Headers": "X-A, Host, X-Forwarded-Host",
            "Access-Control-Max-Age": "7200",
            "Cache-Control": "max-age=9999",
            "Set-Cookie": "k=1; Max-Age=9999; SameSite=Lax",
            "Content-Length": str(len(body)),
        }
        if path in ("/moved", "/to"):
            headers["Location"] = query or f"/there-{self.turn}"
        request.send_response(301 if "Location" in headers else 200)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)


@dataclass
class Seen:
    """What the pages found. outside: what was there after a page had tried to leave its place."""

    left: dict[str, Any] = field(default_factory=dict)
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    tried: dict[str, Any] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    read: dict[str, dict[str, Any]] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)
    preflights: int = 0


async def evaluated(page: Page, expression: str) -> Any:
    """The JSON value of an expression's promise; what it threw, if it did."""
    params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
    reply = await page.session.command("Runtime.evaluate", params)
    assert "exceptionDetails" not in reply, reply
    return reply["result"].get("value")


class Films:
    """Two films, and browsers that show them."""

    def __init__(self, folder: Path, browsers: BrowserPool, web: Web) -> None:
        self.folder, self.browsers, self.web = folder, browsers, web
        self.store = ArtifactStore((folder / "store").as_uri())
        self.mine, self.other = self._film("mine"), self._film("other")

    def _film(self, name: str) -> Snapshot:
        page = self.folder / name / "index.html"
        page.parent.mkdir()
        page.write_text(f"<!doctype html><body>secret of {name}<script>parent.postMessage('secret', '*')</script>")
        page.with_name("film.js").write_text("window.secret = 'secret'")
        page.with_name("secret.json").write_text(f'"secret of {name}"')
        page.with_name("secret.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>')
        page.with_name("shared.js").write_text(SHARED)
        page.with_name("service.js").write_text("")
        page.with_name("other.html").write_text("")
        page.with_name("prepared.html").write_text(f"<script>fetch('{self.web.url}/prepared')</script>")
        return take_snapshot(self.store, page)

    def open(self, film: Snapshot) -> Any:
        return self.browsers.compositions.open(self.store, snapshot=film.digest, entry=film.entry)

    async def run(self, page: Page, bodies: dict[str, str], lefts: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, body in bodies.items():
            script = program(body).replace(WEB, self.web.url).replace("TURN", json.dumps(self.web.turn))
            for _ in range(3):  # requests fail when the machine's network changes, as containers start
                try:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        found[name] = await evaluated(page, f"{script}({json.dumps((lefts or {}).get(name))})")
                except TimeoutError:
                    found[name] = "threw nothing, and never came to an end"
                if found[name] != "threw TypeError: Failed to fetch":
                    break
        return found

    async def look(self, film: Snapshot, left: dict[str, Any], turn: str) -> dict[str, Any]:
        self.web.turn = turn
        finds = {name: find for name, (_, find) in TRACES.items()}
        async with self.open(film) as composition, self.browsers.page(0, composition, SETTINGS) as page:
            return await self.run(page, finds, left)


async def everything(films: Films) -> Seen:
    seen = Seen()
    leaves = {name: leave for name, (leave, _) in TRACES.items()}
    finds = {name: find for name, (_, find) in TRACES.items()}
    async with films.open(films.mine) as composition, films.browsers.page(0, composition, SETTINGS) as page:
        seen.left = await films.run(page, leaves)
        films.web.turn = "beside"
        async with films.browsers.page(0, composition, SETTINGS) as beside:
            seen.found["beside it"] = await films.run(beside, finds, seen.left)
    seen.found["after it"] = await films.look(films.mine, seen.left, "after")
    seen.found["of another film"] = await films.look(films.other, seen.left, "other")
    seen.preflights = films.web.hits["OPTIONS /checked"]

    async with films.open(films.mine) as composition, films.browsers.page(0, composition, SETTINGS) as page:
        seen.tried = await films.run(page, OUTSIDE)
        seen.hits = films.web.hits.copy()
        targets = await (await films.browsers.browser(0)).connection.send("Target.getTargets")
        seen.targets = [target["url"] for target in targets["targetInfos"]]
    seen.files = [str(path) for path in films.folder.parent.rglob("*evil*")]

    secret = films.other.files["secret.json"]
    async with films.open(films.other) as other, films.browsers.page(1, other, SETTINGS):
        host = other.address.split("/")[2]
        port = str(films.browsers._sites[1].port)
        reads = {
            name: body.replace("HOST", host).replace("PORT", port).replace("SECRET", secret)
            for name, body in READS.items()
        }
        async with films.open(films.mine) as composition, films.browsers.page(0, composition, SETTINGS) as page:
            seen.read["open beside it"] = await films.run(page, reads)
    async with films.open(films.mine) as composition, films.browsers.page(1, composition, SETTINGS) as page:
        seen.read["open before it"] = await films.run(page, reads)
    return seen


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    web = Web()
    folder = tmp_path_factory.mktemp("films")

    async def run() -> Seen:
        (folder / "scratch").mkdir()
        (folder / "films").mkdir()
        browsers = BrowserPool(folder / "scratch", lanes=2, rule=AddressRule(loopback=True))
        try:
            return await everything(Films(folder / "films", browsers, web))
        finally:
            await browsers.stop()

    yield asyncio.run(run())
    web.stop()


@pytest.mark.parametrize("page", ["beside it", "after it", "of another film"])
@pytest.mark.parametrize("trace", TRACES)
def test_a_page_finds_nothing_of_another(trace: str, page: str, seen: Seen):
    assert "threw" not in str(seen.left[trace]), "the trace is left"
    assert seen.found[page][trace] is False


def test_each_page_asks_another_host_whether_it_may(seen: Seen):
    assert seen.preflights == 4


@pytest.mark.parametrize("attempt", OUTSIDE)
def test_nothing_of_a_page_is_outside_of_it(attempt: str, seen: Seen):
    assert "threw" not in str(seen.tried[attempt])
    assert seen.tried[attempt] is False


def test_there_is_one_window_and_no_file(seen: Seen):
    assert len(seen.targets) == 1
    assert seen.files == []
    assert not seen.hits["GET /window"]
    assert not seen.hits["GET /prepared"]


@pytest.mark.parametrize("when", ["open beside it", "open before it"])
@pytest.mark.parametrize("way", READS)
def test_no_page_reads_another_film(way: str, when: str, seen: Seen):
    assert not seen.read[when][way], "nothing was read"
