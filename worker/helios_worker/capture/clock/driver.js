// The conversation with the driver, the Python process that holds the browser (clocks.py).
//
// The driver starts a step and awaits its reply. A step that needs the driver on the way, for a frame of the browser's
// own say, replies with what it asks for and stops in ask(). The driver does that and calls resume(), whose reply is
// the next question or that the step is done. Each reply repeats the number that the driver gave its request, so that
// the driver knows whose answer it has.

/**
 * @param {KernelState} kernel
 * @param {TimerQueue} queue
 */
function createDriver(kernel, queue) {
  /** @type {(message: object) => void} */
  let reply;
  /** @type {(answer: any) => void} continues the step that asked */
  let wake;
  let request = 0;

  /** @param {object} message */
  const answer = (message) =>
    reply({ __proto__: null, ...message, request, now: kernel.now, workers: kernel.workers });

  /**
   * Starts a step.
   * @param {number} number of the driver's request
   * @param {() => Promise<void>} step
   * @param {() => number | null} [nextDue] when the next timer is due
   * @returns {Promise<object>} the first reply
   */
  function run(number, step, nextDue = () => queue.first()?.due ?? null) {
    request = number;
    return forDriver(
      new NativePromise((resolve) => {
        reply = resolve;
        void finish(step, nextDue);
      }),
    );
  }

  /** @param {() => Promise<void>} step @param {() => number | null} nextDue */
  async function finish(step, nextDue) {
    try {
      await own(step());
      answer({ __proto__: null, state: "ready", posted: kernel.posted, linked: kernel.linked, due: nextDue() });
    } catch (error) {
      answer({ __proto__: null, state: "error", message: inWords(error) });
    }
  }

  /**
   * Stops the running step until the driver has done something, and resolves to its answer.
   * @param {string} kind
   * @param {number | null} [until] a virtual time in milliseconds
   * @returns {Promise<any>}
   */
  function ask(kind, until = null) {
    return new NativePromise((resolve) => {
      wake = resolve;
      answer({ __proto__: null, state: "asks", kind, until, loading: kernel.loading });
    });
  }

  /**
   * Goes on with the step that asked.
   * @param {number} number of the driver's request
   * @param {unknown} granted the answer to what it asked
   * @returns {Promise<object>} the next reply
   */
  function resume(number, granted) {
    request = number;
    return forDriver(
      new NativePromise((resolve) => {
        reply = resolve;
        wake(granted);
      }),
    );
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
    const changed = await own(ask(kind));
    for (let round = 0; !ran; round += 1) {
      // A frame that is not drawn runs no callbacks.
      if (round >= 20 && (await own(ask("idle")))) break;
      await own(moment(round < 10 ? 0 : 2));
      if (!ran) await own(ask(kind));
    }
    return changed;
  }

  return { __proto__: null, run, ask, resume, nativeFrame };
}

/** @typedef {ReturnType<typeof createDriver>} Driver */

/**
 * A text about something of the page's, which may itself throw when asked for one.
 * @param {any} thing
 */
function inWords(thing) {
  try {
    return NativeString((thing && thing.stack) || thing);
  } catch {
    return "something that cannot be shown";
  }
}
