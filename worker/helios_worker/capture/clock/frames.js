// requestAnimationFrame and requestIdleCallback: called by the driver, once per frame.

{
  let lastId = 0;

  /** The callbacks that wait for the next round. One that is cancelled during the round does not run. */
  function callbackList() {
    /** @type {SafeMap<number, Function>} */
    let waiting = new SafeMap();
    /** @type {SafeMap<number, Function>} */
    let running = new SafeMap();
    return {
      __proto__: null,
      /** @param {unknown} callback */
      add(callback) {
        if (typeof callback !== "function") throw new NativeTypeError("the callback provided is not a function");
        lastId += 1;
        waiting.set(lastId, callback);
        return lastId;
      },
      /** @param {unknown} id */
      cancel(id) {
        const number = NativeNumber(id);
        waiting.delete(number);
        running.delete(number);
      },
      /** @param {unknown} argument passed to each */
      run(argument) {
        running = waiting;
        waiting = new SafeMap();
        running.forEach((callback) => callPage(callback, globalThis, [argument]));
        running = new SafeMap();
      },
    };
  }

  if (globalThis.requestAnimationFrame) {
    const frames = callbackList();
    globalThis.requestAnimationFrame = function requestAnimationFrame(callback) {
      return frames.add(callback);
    };
    globalThis.cancelAnimationFrame = function cancelAnimationFrame(id) {
      frames.cancel(id);
    };
    // Chrome keeps the old names, too.
    patch(globalThis, "webkitRequestAnimationFrame", (callback) => frames.add(callback));
    patch(globalThis, "webkitCancelAnimationFrame", (id) => frames.cancel(id));
    realm.runAnimationFrames = () => frames.run(now());
  }

  if (globalThis.requestIdleCallback) {
    const idle = callbackList();
    globalThis.requestIdleCallback = function requestIdleCallback(callback) {
      return idle.add(callback);
    };
    globalThis.cancelIdleCallback = function cancelIdleCallback(id) {
      idle.cancel(id);
    };
    realm.runIdleCallbacks = () =>
      idle.run({ __proto__: ObjectPrototype, didTimeout: false, timeRemaining: () => 10 });
  }
}
