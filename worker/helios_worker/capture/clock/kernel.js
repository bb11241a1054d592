// The kernel: the virtual time of a page and its same-origin frames, and what the driver may call.
//
// Every realm (window or worker) runs this script before any of the page's own. The top realm makes the kernel.
// Same-origin frames join their parent's kernel (realm.js), so that the timers of all of them fire in one order. A
// cross-origin frame and a worker have a kernel of their own, which the driver moves along with the page's.
//
// Here is the kernel's state. queue.js keeps its timers, driver.js talks to the driver, steps.js moves time on: the
// driver calls begin() once and advance() for each frame.

/** The state that steps, timers and realms share. */
function createKernelState() {
  return {
    /** Milliseconds since frame 0. Only steps.js moves it. */
    now: config.startMs,
    frame: 0,
    /** The nesting level that a timer gets which is set now. */
    nesting: 0,
    lastTimer: 0,
    /** While the page loads: how far its loading time has come, in milliseconds. */
    loading: 0,
    /** @type {Realm[]} */
    realms: [],
    timersFired: 0,
    /** What the page listens to, and therefore needs of the browser: animations.js and needs.js say when. */
    needs: { events: false, iterations: false, observers: false, draw: false },
    /** How many view transitions are about to take their pictures. */
    transitions: 0,
    /** How many animations began that no frame of the browser's has seen yet. */
    fresh: 0,
    /** How often a script may have begun to load something (loads.js). */
    loads: 0,
    /** How many messages scripts sent to other realms (loads.js). */
    posted: 0,
    /** How many workers were made here. The browser announces each a little later. */
    workers: 0,
    /** Whether there are other kernels to move along: those of workers and of frames of other origins. */
    others: false,
    /** @type {(() => object) | undefined} what the page declares about the film (page.js) */
    declared: undefined,
  };
}

/** @typedef {ReturnType<typeof createKernelState>} KernelState */

function createKernel() {
  const state = createKernelState();
  const queue = createTimerQueue();
  const driver = createDriver(state, queue);
  const steps = createSteps(state, queue, driver);

  return Object.assign(state, {
    schedule: queue.add,
    cancel: queue.cancel,

    /** @param {Realm} realm */
    join(realm) {
      state.realms.push(realm);
    },

    /** What the page still waits for, in words, for the report of a frame that never became ready. */
    waiting() {
      const timers = queue.timers.slice(0, 10).map((timer) => ({
        kind: timer.interval === undefined ? "setTimeout" : "setInterval",
        due: timer.due,
        callback: callbackText(timer.callback),
        source: timer.source,
      }));
      const pending = liveRealms(state).flatMap((realm) => realm.pending());
      return { now: state.now, timers, pending, timersFired: state.timersFired };
    },

    begin: () => driver.run(steps.begin),
    /**
     * @param {number} target the frame's time
     * @param {number} frame
     * @param {boolean} others whether there are other kernels
     */
    advance: (target, frame, others) => {
      state.others = others;
      return driver.run(() => steps.advance(target, frame));
    },
    settle: () => driver.run(steps.settle),
    /** For the kernel of a worker or foreign frame: takes in its messages. Replies when its next timer is due. */
    peek: () => driver.run(quiet),
    /**
     * For the kernel of a worker or foreign frame: moves to a time and fires timers, but no animation callbacks.
     * @param {number} target
     */
    walk: (target) => driver.run(() => steps.walk(target)),
    resume: driver.resume,
    nativeFrame: driver.nativeFrame,
  });
}

/** @typedef {ReturnType<typeof createKernel>} Kernel */

/** @param {unknown} callback */
function callbackText(callback) {
  return String((typeof callback === "function" && callback.name) || callback).slice(0, 120);
}

/**
 * The realms whose document is still shown. Forgets the others.
 * @param {KernelState} kernel
 */
function liveRealms(kernel) {
  kernel.realms = kernel.realms.filter((realm) => realm.alive());
  return kernel.realms;
}
