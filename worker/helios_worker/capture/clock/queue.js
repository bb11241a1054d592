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
 * @property {number} order the queue's: how many timers were added before it
 * @property {number} place the queue's: where it is among `timers`
 */

/**
 * A timer waits at least 4 ms if more than five timers, each set by the one before, led to it (HTML standard, "timer
 * nesting level").
 * @param {number} wait milliseconds
 * @param {number} nesting
 */
const atLeastFour = (wait, nesting) => (nesting > 5 ? max(4, wait) : wait);

/** Whether a timer fires before another one. @param {Timer} timer @param {Timer} other */
const firesBefore = (timer, other) => timer.due < other.due || (timer.due === other.due && timer.order < other.order);

function createTimerQueue() {
  /** @type {Timer[]} a heap: none fires before the one at half its place, and the first is at 0 */
  const timers = list();
  /** @type {SafeMap<number, Timer>} those in the queue, and repeating ones that run at the moment */
  const byId = new SafeMap();
  let added = 0;

  /** @param {number} place @param {Timer} timer */
  function put(place, timer) {
    timers[place] = timer;
    timer.place = place;
  }

  /** Puts a timer at a place or above it, and those that fire later further down. @param {number} place @param {Timer} timer */
  function rise(place, timer) {
    let at = place;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!firesBefore(timer, timers[above])) break;
      put(at, timers[above]);
      at = above;
    }
    put(at, timer);
  }

  /** Puts a timer at a place or below it, and those that fire earlier further up. @param {number} place @param {Timer} timer */
  function sink(place, timer) {
    let at = place;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= timers.length) break;
      if (below + 1 < timers.length && firesBefore(timers[below + 1], timers[below])) below += 1;
      if (!firesBefore(timers[below], timer)) break;
      put(at, timers[below]);
      at = below;
    }
    put(at, timer);
  }

  /** @param {Timer} timer */
  function remove(timer) {
    const { place } = timer;
    if (timers[place] !== timer) return;
    const last = timers[timers.length - 1];
    timers.length -= 1;
    if (last === timer) return;
    if (firesBefore(last, timer)) rise(place, last);
    else sink(place, last);
  }

  return {
    __proto__: null,
    timers,
    /** How many timers were added so far. */
    added: () => added,
    /** @returns {Timer | undefined} */
    first: () => (timers.length > 0 ? timers[0] : undefined),

    /** The first timers, in the order in which they fire. @param {number} most @returns {Timer[]} */
    soonest(most) {
      /** @type {Timer[]} */
      const found = list();
      while (found.length < most && found.length < timers.length) {
        const last = found.length > 0 ? found[found.length - 1] : undefined;
        /** @type {Timer | undefined} */
        let next;
        for (let index = 0; index < timers.length; index += 1) {
          const timer = timers[index];
          if ((!last || firesBefore(last, timer)) && (!next || firesBefore(timer, next))) next = timer;
        }
        if (next) append(found, next);
      }
      return found;
    },

    /** @param {Timer} timer */
    add(timer) {
      timer.order = added;
      added += 1;
      rise(timers.length, timer);
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
