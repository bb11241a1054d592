// The conversation with the driver, the Python process that holds the browser (clocks.py).
//
// The driver starts a step and awaits its reply. A step that needs the driver on the way, for a frame of the browser's
// own say, replies with what it asks for and stops in ask(). The driver does that and calls resume(), whose reply is
// the next question or that the step is done.

/**
 * @param {KernelState} kernel
 * @param {TimerQueue} queue
 */
function createDriver(kernel, queue) {
  /** @type {(message: object) => void} */
  let reply;
  /** @type {(answer: any) => void} continues the step that asked */
  let wake;

  /** @param {object} message */
  const answer = (message) => reply({ ...message, now: kernel.now, workers: kernel.workers });

  /**
   * Starts a step.
   * @param {() => Promise<void>} step
   * @returns {Promise<object>} the first reply
   */
  function run(step) {
    return new native.Promise((resolve) => {
      reply = resolve;
      step().then(
        () => answer({ state: "ready", posted: kernel.posted, due: queue.first()?.due ?? null }),
        (error) => reply({ state: "error", message: String((error && error.stack) || error) }),
      );
    });
  }

  /**
   * Stops the running step until the driver has done something, and resolves to its answer.
   * @param {string} kind
   * @param {object} [details]
   * @returns {Promise<any>}
   */
  function ask(kind, details) {
    return new native.Promise((resolve) => {
      wake = resolve;
      answer({ state: "asks", kind, ...details });
    });
  }

  /**
   * Goes on with the step that asked.
   * @param {unknown} granted the answer to what it asked
   * @returns {Promise<object>} the next reply
   */
  function resume(granted) {
    return new native.Promise((resolve) => {
      reply = resolve;
      wake(granted);
    });
  }

  /**
   * Asks for one frame of the browser's own: "update" runs layout and events, "draw" also draws.
   *
   * The browser may answer an "update" before the page has run its part of it. A native animation callback, which runs
   * after the events, shows that it has.
   * @param {"update" | "draw"} kind
   * @returns {Promise<boolean>} whether anything changed
   */
  async function nativeFrame(kind) {
    kernel.fresh = 0;
    let ran = kind !== "update" || !native.requestAnimationFrame;
    if (!ran) native.requestAnimationFrame?.(() => (ran = true));
    const changed = await ask(kind);
    for (let round = 0; round < 20 && !ran; round += 1) {
      await new native.Promise((resolve) => native.setTimeout(resolve, round < 10 ? 0 : 2));
      if (!ran) await ask(kind);
    }
    return changed;
  }

  return { run, ask, resume, nativeFrame };
}

/** @typedef {ReturnType<typeof createDriver>} Driver */
