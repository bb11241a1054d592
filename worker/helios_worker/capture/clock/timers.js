// setTimeout, setInterval, AbortSignal.timeout, scheduler.postTask with a delay, Atomics.waitAsync with a limit.

{
  const LONGEST = 2 ** 31 - 1;

  /**
   * A delay as the platform takes it: whole milliseconds. One that does not fit in 31 bits counts as 0.
   * @param {unknown} delay
   */
  const milliseconds = (delay) => {
    const whole = trunc(NativeNumber(delay)) || 0;
    return whole > 0 && whole <= LONGEST ? whole : 0;
  };

  /** @param {unknown} text */
  const runText = (text) => indirectEval(NativeString(text));

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
      __proto__: null,
      id,
      due: kernel.now + wait,
      loading: kernel.loading,
      interval,
      nesting,
      callback,
      cancelled: false,
      order: 0,
      place: 0,
      run() {
        if (!realm.alive()) return;
        if (typeof callback === "function") callPage(callback, globalThis, args);
        else callPage(runText, globalThis, [callback]);
      },
    });
    return id;
  }

  /** @param {unknown} id */
  const clear = (id) => kernel.cancel(NativeNumber(id));
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
    const Controller = AbortController;
    const Exception = DOMException;
    const abort = methodOf(Controller.prototype, "abort");
    const signalOf = getterOf(Controller.prototype, "signal");
    AbortSignal.timeout = function timeout(delay) {
      const controller = new Controller();
      const expire = () => abort(controller, new Exception("signal timed out", "TimeoutError"));
      add(expire, delay, [], false);
      return signalOf(controller);
    };
  }

  if (native.postTask) {
    const postTask = methodOf(Scheduler.prototype, "postTask");
    patch(Scheduler.prototype, "postTask", function (callback, options) {
      const delay = options?.delay;
      if (!(delay > 0)) return postTask(this, callback, options);
      const rest = { __proto__: null, ...options, delay: 0 };
      return new NativePromise((resolve, reject) => {
        add(() => whenSettled(postTask(this, callback, rest), resolve, reject), delay, [], false);
      });
    });
  }

  const { value: waitAsync } = descriptorOf(globalThis.Atomics, "waitAsync");
  if (waitAsync) {
    patch(Atomics, "waitAsync", function (array, index, value, limit) {
      const wait = limit === undefined ? Infinity : NativeNumber(limit);
      if (!(wait > 0 && wait <= LONGEST)) return ReflectApply(waitAsync, this, [array, index, value, wait]);
      const waiting = ReflectApply(waitAsync, this, [array, index, value]);
      if (!waiting.async) return waiting;
      const woken = waiting.value;
      waiting.value = new NativePromise((resolve, reject) => {
        whenSettled(woken, resolve, reject);
        add(() => resolve("timed-out"), wait, [], false);
      });
      return waiting;
    });
  }
}
