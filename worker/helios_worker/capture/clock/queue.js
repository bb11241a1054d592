// The queue of timers: the timers of a page and its same-origin frames, in the order in which they fire.
//
// timers.js adds timers for the page, steps.js takes out the first and fires it.

/**
 * @typedef {object} Timer
 * @property {number} id
 * @property {number} due virtual time in milliseconds
 * @property {number} loading how late on the loading time it was set: see begin() in steps.js
 * @property {number} [interval] milliseconds between calls of a timer that repeats
 * @property {number} nesting how many timers set each other, one after another, before this one
 * @property {unknown} callback what the page passed, for reports
 * @property {string} [source] the line that set it, for reports
 * @property {() => void} run
 * @property {number} [order] sorts timers that are due at the same time
 * @property {boolean} [cancelled]
 */

/**
 * A timer waits at least 4 ms if more than five timers, each set by the one before, led to it (HTML standard, "timer
 * nesting level").
 * @param {number} wait milliseconds
 * @param {number} nesting
 */
const atLeastFour = (wait, nesting) => (nesting > 5 ? Math.max(4, wait) : wait);

function createTimerQueue() {
  /** @type {Timer[]} sorted by due time, then by order */
  const timers = [];
  /** @type {Map<number, Timer>} those in the queue, and repeating ones that run at the moment */
  const byId = new Map();
  let order = 0;

  return {
    timers,
    /** How many timers were added so far. */
    added: () => order,
    /** @returns {Timer | undefined} */
    first: () => timers[0],

    /** @param {Timer} timer */
    add(timer) {
      timer.order = order += 1;
      let low = 0;
      let high = timers.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (timers[middle].due <= timer.due) low = middle + 1;
        else high = middle;
      }
      timers.splice(low, 0, timer);
      byId.set(timer.id, timer);
    },

    /**
     * Takes a timer out to be run. One that repeats can still be cancelled while it runs.
     * @param {Timer} timer
     */
    take(timer) {
      timers.splice(timers.indexOf(timer), 1);
      if (timer.interval === undefined) byId.delete(timer.id);
    },

    /** @param {number} id */
    cancel(id) {
      const timer = byId.get(id);
      if (!timer) return;
      byId.delete(id);
      timer.cancelled = true;
      const index = timers.indexOf(timer);
      if (index >= 0) timers.splice(index, 1);
    },
  };
}

/** @typedef {ReturnType<typeof createTimerQueue>} TimerQueue */
