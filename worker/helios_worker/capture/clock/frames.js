// requestAnimationFrame and requestIdleCallback: called by the driver, once per frame.

{
  let lastId = 0;

  /** The callbacks that wait for the next round. One that is cancelled during the round does not run. */
  function callbackList() {
    /** @type {Map<number, Function>} */
    let waiting = new Map();
    /** @type {Map<number, Function>} */
    let running = new Map();
    return {
      /** @param {unknown} callback */
      add(callback) {
        if (typeof callback !== "function") throw new TypeError("the callback provided is not a function");
        lastId += 1;
        waiting.set(lastId, callback);
        return lastId;
      },
      /** @param {unknown} id */
      cancel(id) {
        waiting.delete(Number(id));
        running.delete(Number(id));
      },
      /** @param {unknown} argument passed to each */
      run(argument) {
        running = waiting;
        waiting = new Map();
        for (const callback of running.values()) callPage(callback, globalThis, [argument]);
        running = new Map();
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
    realm.runIdleCallbacks = () => idle.run({ didTimeout: false, timeRemaining: () => 10 });
  }
}
