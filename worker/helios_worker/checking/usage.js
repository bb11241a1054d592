// Notes which of the browser's features a page uses, each once, with the stack of the first use. Only a check runs it,
// after the clock's scripts; it is no part of any render.
(() => {
  const send = globalThis.__heliosUsed;
  delete globalThis.__heliosUsed;
  if (!send) return;
  const seen = new Set();
  const use = (rule) => {
    if (seen.has(rule)) return;
    seen.add(rule);
    send(JSON.stringify({ rule, stack: String(new Error().stack) }));
  };
  const method = (owner, name, rule, matters = () => true) => {
    const found = owner && Object.getOwnPropertyDescriptor(owner, name);
    if (!found?.configurable || typeof found.value !== "function") return;
    const { value } = found;
    found.value = function (...args) {
      if (matters.call(this, ...args)) use(rule);
      return Reflect.apply(value, this, args);
    };
    Object.defineProperty(owner, name, found);
  };
  const getter = (owner, name, rule) => {
    const found = owner && Object.getOwnPropertyDescriptor(owner, name);
    if (!found?.configurable || !found.get) return;
    const { get } = found;
    found.get = function () {
      use(rule);
      return Reflect.apply(get, this, []);
    };
    Object.defineProperty(owner, name, found);
  };
  const made = (name, rule) => {
    const Native = globalThis[name];
    if (!Native) return;
    globalThis[name] = new Proxy(Native, {
      construct(target, args, newTarget) {
        use(rule);
        return Reflect.construct(target, args, newTarget);
      },
    });
  };
  method(Math, "random", "random");
  method(Crypto.prototype, "getRandomValues", "random");
  method(Crypto.prototype, "randomUUID", "random");
  method(CanvasRenderingContext2D.prototype, "getImageData", "readback");
  method(HTMLCanvasElement.prototype, "toDataURL", "readback");
  method(HTMLCanvasElement.prototype, "toBlob", "readback");
  method(globalThis.WebGLRenderingContext?.prototype, "readPixels", "readback");
  method(globalThis.WebGL2RenderingContext?.prototype, "readPixels", "readback");
  for (const name of ["localStorage", "sessionStorage", "indexedDB"]) getter(globalThis, name, "storage");
  getter(Document.prototype, "cookie", "storage");
  getter(Navigator.prototype, "serviceWorker", "service-worker");
  getter(Navigator.prototype, "gpu", "webgpu");
  made("SharedWorker", "shared-worker");
  for (const name of ["AudioContext", "Audio"]) made(name, "audio");
  method(HTMLMediaElement.prototype, "play", "audio", function () {
    return this instanceof HTMLAudioElement;
  });
  for (const name of ["WebSocket", "EventSource", "RTCPeerConnection"]) made(name, "live");
  method(HTMLCanvasElement.prototype, "captureStream", "live");
  for (const name of ["open", "alert", "confirm", "prompt", "print"]) method(globalThis, name, "window");
  const inputs = /^(mouse|pointer|touch|key|wheel|click|dblclick|drag|drop|contextmenu|gamepad|device)/;
  method(EventTarget.prototype, "addEventListener", "input", (type) => inputs.test(String(type)));
})();
