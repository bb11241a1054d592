// Whether a page with WebGL has drawn yet. Maps and the like only begin to load in their first animation frames what they
// draw, and 3D engines draw with a program in the frame after the one that made it. Frame 0 waits for both: clocks.py asks.

if (isWindow) {
  const isConnected = getterOf(Node.prototype, "isConnected");
  const methods = list("drawArrays", "drawElements", "drawArraysInstanced", "drawElementsInstanced", "drawRangeElements");
  /** @type {Element[]} */
  const canvases = list();
  let hasDrawn = false;

  after(globalThis.WebGLRenderingContext?.prototype, "linkProgram", () => (kernel.linked += 1));
  after(globalThis.WebGL2RenderingContext?.prototype, "linkProgram", () => (kernel.linked += 1));

  /**
   * Notes the first call of a method, and costs later ones nothing.
   * @param {any} proto
   * @param {string} name
   */
  function watch(proto, name) {
    const native = descriptorOf(proto, name);
    const { value: method } = native;
    if (typeof method !== "function") return;
    /** @this {unknown} @param {unknown[]} args */
    const replacement = function (...args) {
      hasDrawn = true;
      if (descriptorOf(proto, name).value === replacement) ReflectDefineProperty(proto, name, native);
      return ReflectApply(method, this, args);
    };
    patch(proto, name, replacement);
  }

  after(HTMLCanvasElement.prototype, "getContext", (canvas, args, context) => {
    if (hasDrawn || !context || canvases.length >= 20) return;
    const kind = args[0];
    if (kind !== "webgl" && kind !== "webgl2" && kind !== "experimental-webgl") return;
    if (canvases.length === 0) {
      for (let index = 0; index < methods.length; index += 1) {
        watch(globalThis.WebGLRenderingContext?.prototype, methods[index]);
        watch(globalThis.WebGL2RenderingContext?.prototype, methods[index]);
      }
    }
    append(canvases, canvas);
  });

  realm.isBlank = () => {
    for (let index = 0; index < canvases.length && !hasDrawn; index += 1) {
      if (isConnected(canvases[index])) return true;
    }
    return false;
  };
}
