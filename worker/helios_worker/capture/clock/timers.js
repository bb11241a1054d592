// setTimeout, setInterval, AbortSignal.timeout, scheduler.postTask with a delay.

{
  const LONGEST = 2 ** 31 - 1;

  /**
   * A delay as the platform takes it: whole milliseconds. One that does not fit in 31 bits counts as 0.
   * @param {unknown} delay
   */
  const milliseconds = (delay) => {
    const whole = Math.trunc(Number(delay)) || 0;
    return whole > 0 && whole <= LONGEST ? whole : 0;
  };

  const sourceLine = () => {
    const line = (new Error().stack || "").split("\n")[3];
    return line ? line.trim().replace(/^at /, "") : "";
  };

  /**
   * @param {unknown} callback a function, or a script's text
   * @param {unknown} delay
   * @param {unknown[]} args
   * @param {boolean} repeats
   */
  function add(callback, delay, args, repeats) {
    const { nesting } = kernel;
    const wait = atLeastFour(milliseconds(delay), nesting);
    const interval = repeats ? milliseconds(delay) : undefined;
    // All realms of a kernel count together, so that a frame cannot clear another's timer.
    const id = (kernel.lastTimer += 1);
    kernel.schedule({
      id,
      due: kernel.now + wait,
      loading: kernel.loading,
      interval,
      nesting,
      callback,
      source: config.debug ? sourceLine() : undefined,
      run() {
        if (!realm.alive()) return;
        if (typeof callback === "function") callPage(callback, globalThis, args);
        else callPage(globalThis.eval, globalThis, [String(callback)]);
      },
    });
    return id;
  }

  /** @param {unknown} id */
  const clear = (id) => kernel.cancel(Number(id));
  globalThis.setTimeout = function setTimeout(callback, delay, ...args) {
    return add(callback, delay, args, false);
  };
  globalThis.setInterval = function setInterval(callback, delay, ...args) {
    return add(callback, delay, args, true);
  };
  globalThis.clearTimeout = function clearTimeout(id) {
    clear(id);
  };
  globalThis.clearInterval = function clearInterval(id) {
    clear(id);
  };

  if (globalThis.AbortSignal && AbortSignal.timeout) {
    AbortSignal.timeout = function timeout(delay) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new DOMException("signal timed out", "TimeoutError")), delay);
      return controller.signal;
    };
  }

  if (native.postTask) {
    const { postTask } = Scheduler.prototype;
    patch(Scheduler.prototype, "postTask", function (callback, options = {}) {
      if (!(options.delay > 0)) return postTask.call(this, callback, options);
      const { delay, ...rest } = options;
      return new native.Promise((resolve, reject) => {
        setTimeout(() => postTask.call(this, callback, rest).then(resolve, reject), delay);
      });
    });
  }
}
