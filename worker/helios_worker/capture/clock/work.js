// The work of the browser's that is in flight: what scripts have asked it for and it answers later, by a promise, an
// event or a callback. A frame is taken, and time moves on, when there is none.
//
// answers.js, streams.js, databases.js and codecs.js say which calls begin such work. All realms of a kernel share one
// count. steps.js waits here, and the report of a frame that never became ready names what is in flight.

/**
 * One piece of work.
 * @typedef {object} Flight
 * @property {null} [__proto__]
 * @property {string} name for reports, as the page wrote it
 * @property {number} frame in which it began; -1 while the page loads
 * @property {Realm} realm
 * @property {number} patience For how many turns of waiting without progress time stands still for it. Infinity where
 *   the browser answers whatever the page does.
 * @property {number} turns of waiting so far
 * @property {boolean} frames whether the browser answers only in a frame of its own
 * @property {(() => unknown) | undefined} progress what changes while the browser gets on with it
 * @property {(() => boolean) | undefined} ended whether it has ended: asked where a page can keep its event from us
 * @property {(() => void) | undefined} giveUp called when patience has ended
 * @property {unknown} last what progress() said last
 */

/** @typedef {Partial<Omit<Flight, "name" | "frame" | "realm" | "turns" | "last">>} FlightOptions */

/**
 * Turns of waiting, of 4 ms or more each. What may depend on the page's next step, or on the clock, is waited for this
 * long without progress; then time goes on without it.
 */
const WORK_PATIENCE = 500;
const SHORT_PATIENCE = 75;
const TURN_MS = 4;

/** @param {{ frame: number, begun: boolean }} kernel */
function createWork(kernel) {
  /** @type {SafeSet<Flight>} */
  const flights = new SafeSet();
  let open = 0;
  /** @type {() => void} */
  let wake = ignore;

  /**
   * Notes a piece of work.
   * @param {string} name
   * @param {Realm} realm
   * @param {FlightOptions} [options]
   * @returns {Flight}
   */
  function begin(name, realm, options) {
    const flight = {
      __proto__: null,
      name,
      frame: kernel.begun ? kernel.frame : -1,
      realm,
      patience: Infinity,
      turns: 0,
      frames: false,
      progress: undefined,
      ended: undefined,
      giveUp: undefined,
      last: undefined,
      ...options,
    };
    flights.add(flight);
    open += 1;
    return flight;
  }

  /** @param {Flight} flight that has ended; once more does no harm */
  function end(flight) {
    if (!flights.delete(flight)) return;
    open -= 1;
    if (open === 0) wake();
  }

  /** Ends what nobody reports the end of, and what has got no further for too long. */
  function review() {
    flights.forEach((flight) => {
      if (!flight.realm.alive() || flight.ended?.()) return end(flight);
      const now = flight.progress?.();
      flight.turns = now === flight.last ? flight.turns + 1 : 0;
      flight.last = now;
      if (flight.turns < flight.patience) return undefined;
      flight.giveUp?.();
      return end(flight);
    });
  }

  /** Resolves once nothing is in flight, or after a turn. @returns {Promise<void>} */
  const turn = () =>
    new NativePromise((resolve) => {
      const limit = native.setTimeout(resolve, TURN_MS);
      wake = () => {
        native.clearTimeout(limit);
        resolve(undefined);
      };
    });

  /** Whether some of it is answered only in a frame of the browser's own. */
  function needsFrame() {
    let needs = false;
    flights.forEach((flight) => {
      if (flight.frames) needs = true;
    });
    return needs;
  }

  /**
   * Waits until nothing is in flight. Call it only where something is.
   * @param {() => Promise<unknown>} drawFrame asks for a frame of the browser's own
   */
  async function finish(drawFrame) {
    while (open > 0) {
      if (needsFrame()) await own(drawFrame());
      if (open > 0) await own(turn());
      wake = ignore;
      if (open > 0) review();
    }
  }

  /** What is in flight, in words. */
  function words() {
    /** @type {string[]} */
    const texts = list();
    /** @type {SafeMap<string, number>} */
    const counts = new SafeMap();
    flights.forEach(({ name, frame }) => {
      const text = `${name}, begun ${frame < 0 ? "while loading" : `in frame ${frame}`}`;
      counts.set(text, (counts.get(text) ?? 0) + 1);
    });
    counts.forEach((count, text) => append(texts, count > 1 ? `${text} (${count} times)` : text));
    return texts;
  }

  return { __proto__: null, begin, end, finish, words, isOpen: () => open > 0 };
}

/** @typedef {ReturnType<typeof createWork>} Work */
