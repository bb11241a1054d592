// Tries to fool the clock, for test_clock_attacks.py: each runs in attacks/page.html and calls won() where it succeeds.
// A line of a comment is the name of the try below it, after the words "a page that".

// deletes the gate
try { delete window.__heliosClock } catch {} if (!window.__heliosClock) won('gone')

// replaces the gate
try { window.__heliosClock = () => 1 } catch {} if (window.__heliosClock() === 1) won('mine')

// redefines the gate
if (Reflect.defineProperty(window, '__heliosClock', { value: 1 })) won('mine')

// opens the gate
for (const key of ['', undefined, null, {}, [], true]) if (__heliosClock(key)) won('open')

// opens the gate by a prototype
String.prototype.valueOf = () => ''; if (__heliosClock({})) won('open')

// shadows the gate
const s = document.createElement('script'); s.text = 'let __heliosClock = 1'; document.body.append(s)

// clobbers the gate
const f = document.createElement('iframe'); f.name = '__heliosClock'; document.body.append(f)

// finds a binding
for (const n of ['__heliosJoin', '__heliosWarn']) if (n in window) won(n)

// finds a frame's binding
const f = document.createElement('iframe');
document.body.append(f);
const w = f.contentWindow;
for (const n of ['__heliosJoin', '__heliosWarn']) if (n in w) won(n)

// makes its own bindings
window.__heliosJoin = window.__heliosWarn = () => won('called')

// reads functions off a stack
Error.prepareStackTrace = (e, sites) => sites.map((s) => [s.getFunction(), s.getThis()]).flat();
const look = () => { for (const x of new Error().stack) if (typeof x === 'function' && /secret/.test(x)) won('seen') };
setTimeout(look, 1);
requestAnimationFrame(look);
look()

// reads its caller
const look = Function('let f = arguments.callee.caller;
if (f) attacked.calls.push(String(f))');
setTimeout(look, 1);
requestAnimationFrame(look)

// asks the clock's functions for their caller
setTimeout(() => { try { if (setTimeout.caller || setTimeout.arguments) won('seen') } catch {} }, 1)

// takes the time of a fresh frame
const f = document.createElement('iframe');
document.body.append(f);
const w = f.contentWindow;
if (w.performance.now() > 1e-5 || w.Date.now() !== Date.now()) won('real')

// takes the time of a removed frame
const f = document.createElement('iframe');
document.body.append(f);
const w = f.contentWindow, D = w.Date;
f.remove();
if (D.now() !== Date.now() || w.performance.now() > 1e-5) won('real')

// takes the time of a frame in a frame
const f = document.createElement('iframe');
document.body.append(f);
const g = f.contentDocument.createElement('iframe');
f.contentDocument.body.append(g);
if (g.contentWindow.Date.now() !== Date.now()) won('real')

// lies to a frame about its parent
Object.defineProperty(window, 'parent', { get() { return { __heliosClock: () => won('asked') } } });
const f = document.createElement('iframe');
document.body.append(f);
if (f.contentWindow.Date.now() !== Date.now()) won('real')

// attacks from a frame
const f = document.createElement('iframe');
f.srcdoc = '<script>parent.Array.prototype.push = parent.Map = parent.Reflect.apply = () => { throw 1 };
delete parent.__heliosClock<\/script>';
document.body.append(f)

// takes the constructor of dates
if (new (new Date().constructor)().getTime() !== Date.now()) won('real')

// takes the constructor behind a proxy
const C = IntersectionObserver.prototype.constructor; if (C !== IntersectionObserver) won('native')

// freezes the language
for (const c of [Object, Function, Array, Promise, Map, Set, Reflect, Symbol]) { Object.freeze(c);
if (c.prototype) Object.freeze(c.prototype) }

// freezes the window
Object.preventExtensions(window); Object.preventExtensions(document)

// freezes the document's class
for (const c of [Document, Node, Element, Animation]) Object.freeze(c.prototype)

// takes the document's prototype
Object.setPrototypeOf(document, null)

// takes the arrays' prototype
Object.setPrototypeOf(Array.prototype, null); Object.setPrototypeOf(Map.prototype, null)

// puts a proxy behind arrays
Object.setPrototypeOf(Array.prototype, new Proxy({}, { get() { won('get') }, set() { won('set') } }))

// puts a proxy behind functions
Object.setPrototypeOf(Function.prototype, new Proxy({}, { get() { won('get') }, has() { won('has') } }))

// puts a proxy behind promises
Object.setPrototypeOf(Promise.prototype, new Proxy({}, { get() { won('get') } }))

// covers the document's properties
for (const n of ['defaultView', 'timeline', 'getAnimations', 'images', 'fonts', 'querySelectorAll']) Object.defineProperty(document, n, { get() { won(n) } })

// clobbers the document by names
for (const n of ['defaultView', 'timeline', 'getAnimations', 'images', 'fonts', 'scripts', 'styleSheets']) { const i = document.createElement('img');
i.name = n;
document.body.append(i);
const f = document.createElement('form');
f.name = n;
document.body.append(f) }

// covers an animation's properties
for (const a of document.getAnimations()) for (const n of ['playState', 'timeline', 'currentTime', 'effect', 'playbackRate', 'pending']) Object.defineProperty(a, n, { get() { won(n) }, set() { won(n) } })

// answers for instances
for (const c of [HTMLMediaElement, HTMLVideoElement, ShadowRoot, Promise, Map]) Object.defineProperty(c, Symbol.hasInstance, { value: () => won('asked') })

// adds a video with covered properties
const v = document.createElement('video');
for (const n of ['currentTime', 'paused', 'duration', 'loop', 'error', 'srcObject', 'play', 'pause']) Object.defineProperty(v, n, { get() { won(n) } });
document.body.append(v)

// adds media elements of another namespace
document.body.append(document.createElementNS('http://www.w3.org/2000/svg', 'video'), document.createElement('svg'));
document.querySelector('svg').append(document.createElement('animate'))

// adds an element whose shadow root lies
const d = document.createElement('div');
Object.defineProperty(d, 'shadowRoot', { get() { won('root') } });
const r = d.attachShadow({ mode: 'closed' });
Object.defineProperty(r, 'mode', { get() { won('mode') } });
document.body.append(d)

// closes every message port
MessagePort.prototype.close = MessagePort.prototype.start = () => won('port')

// posts messages to itself
const c = new MessageChannel();
let n = 0;
c.port1.onmessage = () => { if (n++ < 5000) c.port2.postMessage(0) };
c.port2.postMessage(0)

// posts urgent tasks
let n = 0; const go = () => { if (n++ < 2000) scheduler.postTask(go, { priority: 'user-blocking' }) }; go()

// chains microtasks
let n = 0; const go = () => { if (n++ < 50000) queueMicrotask(go) }; go()

// stops at the debugger
debugger; debugger

// sets a policy
const m = document.createElement('meta');
m.httpEquiv = 'Content-Security-Policy';
m.content = "script-src 'none';
require-trusted-types-for 'script'";
document.head.append(m)

// stops loading
window.stop()

// goes to a fragment
location.hash = 'x'; history.pushState({}, '', '?y')

// makes promises of its own
class Mine extends Promise { static get [Symbol.species]() { won('species') } };
Object.defineProperty(window, 'Promise', { value: Mine })

// swaps the constructor of promises
Object.defineProperty(Promise.prototype, 'constructor', { get() { won('constructor') } })

// gives every object a then
Object.defineProperty(Object.prototype, 'then', { get() { won('then') } })

// gives every object a toJSON
Object.prototype.toJSON = () => won('toJSON')

// replaces the performance object
Object.defineProperty(window, 'performance', { value: { now: () => 0 } })

// waits with a timer whose delay lies
setTimeout(() => {}, { valueOf() { return 5 } }); setTimeout('1', '7')

// cancels with objects
cancelAnimationFrame({ valueOf() { return -1 } }); clearTimeout({ valueOf() { return -1 } })

// declares a ready promise of its own kind
window.__HELIOS_READY__ = { then(done) { done() }, get constructor() { won('constructor') } }

