// The queue of timers: the timers of a page and its same-origin frames, in the order in which they fire.
//
// timers.js adds timers for the page, steps.js takes out the first and fires it.

/**
 * @typedef {object} Timer
 * @property {null} [__proto__]
 * @property {number} id 0 for one of the clock's own, which no page can cancel
 * @property {number} due virtual time in milliseconds
 * @property {number} loading how late on the loading time it was set: see begin() in steps.js
 * @property {number | undefined} interval milliseconds between calls of a timer that repeats
 * @property {number} nesting how many timers set each other, one after another, before this one
 * @property {unknown} callback what the page passed, for reports
 * @property {() => void} run
 * @property {boolean} cancelled
 */

/**
 * A timer waits at least 4 ms if more than five timers, each set by the one before, led to it (HTML standard, "timer
 * nesting level").
 * @param {number} wait milliseconds
 * @param {number} nesting
 */
const atLeastFour = (wait, nesting) => (nesting > 5 ? max(4, wait) : wait);

function createTimerQueue() {
  /** @type {Timer[]} sorted by due time; those of one time in the order in which they were added */
  const timers = list();
  /** @type {SafeMap<number, Timer>} those in the queue, and repeating ones that run at the moment */
  const byId = new SafeMap();
  let added = 0;

  /** @param {Timer} timer */
  function remove(timer) {
    let index = 0;
    while (index < timers.length && timers[index] !== timer) index += 1;
    if (index === timers.length) return;
    for (; index + 1 < timers.length; index += 1) timers[index] = timers[index + 1];
    timers.length -= 1;
  }

  return {
    __proto__: null,
    timers,
    /** How many timers were added so far. */
    added: () => added,
    /** @returns {Timer | undefined} */
    first: () => (timers.length > 0 ? timers[0] : undefined),

    /** @param {Timer} timer */
    add(timer) {
      added += 1;
      let low = 0;
      let high = timers.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (timers[middle].due <= timer.due) low = middle + 1;
        else high = middle;
      }
      for (let index = timers.length; index > low; index -= 1) timers[index] = timers[index - 1];
      timers[low] = timer;
      if (timer.id !== 0) byId.set(timer.id, timer);
    },

    /**
     * Takes a timer out to be run. One that repeats can still be cancelled while it runs.
     * @param {Timer} timer
     */
    take(timer) {
      remove(timer);
      if (timer.interval === undefined) byId.delete(timer.id);
    },

    /** @param {number} id */
    cancel(id) {
      const timer = byId.get(id);
      if (!timer) return;
      byId.delete(id);
      timer.cancelled = true;
      remove(timer);
    },
  };
}

/** @typedef {ReturnType<typeof createTimerQueue>} TimerQueue */
