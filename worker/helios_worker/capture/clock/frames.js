// requestAnimationFrame and requestIdleCallback: called by the driver, once per frame.

{
  let lastId = 0;

  /** Callbacks waiting for their next round; one that is cancelled during the round does not run. */
  function callbackList() {
    let waiting = new Map();
    let running = new Map();
    return {
      add(callback) {
        if (typeof callback !== "function") throw new TypeError("the callback provided is not a function");
        lastId += 1;
        waiting.set(lastId, callback);
        return lastId;
      },
      cancel(id) {
        waiting.delete(Number(id));
        running.delete(Number(id));
      },
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
