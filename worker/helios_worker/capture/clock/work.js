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
 * @property {boolean} doubtful Whether the answer may wait for the page's next step, or for the clock, so that none comes
 *   while time stands still. Such work is given up once the browser has nothing left to do.
 * @property {boolean} resumes Whether the browser goes on with it by itself once the page has taken that step. Then it is
 *   waited for again after each step of the clock's.
 * @property {boolean} frames whether the browser answers only after it has drawn: it encodes pictures in the time that is left then
 * @property {(() => unknown) | undefined} progress what changes while the browser gets on with it
 * @property {(() => boolean) | undefined} ended whether it has ended: asked where a page can keep its event from us
 * @property {(() => void) | undefined} giveUp called when it is given up
 * @property {unknown} last what progress() said last
 */

/** @typedef {Partial<Omit<Flight, "name" | "frame" | "realm" | "last">>} FlightOptions */

/** Milliseconds of real time between two looks at what nobody tells us of. */
const TURN_MS = 4;
/** How often the browser must have been seen at rest, without any progress, until doubtful work is given up. */
const LOOKS = 4;
/** How many turns come before the first look, which costs the driver some milliseconds. */
const TURNS_BEFORE_LOOKS = 2;

/** @param {{ frame: number, begun: boolean }} kernel */
function createWork(kernel) {
  /** @type {SafeSet<Flight>} */
  const flights = new SafeSet();
  /** What was given up and may go on. @type {SafeSet<Flight>} */
  const dormant = new SafeSet();
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
      doubtful: false,
      resumes: false,
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
    dormant.delete(flight);
    if (!flights.delete(flight)) return;
    open -= 1;
    if (open === 0) wake();
  }

  /** Ends what nobody reports the end of. Returns whether only doubtful work is left, and got no further. */
  function isStuck() {
    let stuck = true;
    flights.forEach((flight) => {
      if (!flight.realm.alive() || flight.ended?.()) {
        stuck = false;
        return end(flight);
      }
      const now = flight.progress?.();
      if (!flight.doubtful || now !== flight.last) stuck = false;
      flight.last = now;
      return undefined;
    });
    return stuck;
  }

  function giveUp() {
    flights.forEach((flight) => {
      flight.giveUp?.();
      end(flight);
      if (flight.resumes) dormant.add(flight);
    });
  }

  /** Counts again what may have gone on, since time or a timer of the page's has. */
  function resume() {
    if (dormant.size === 0) return;
    dormant.forEach((flight) => {
      flights.add(flight);
      open += 1;
    });
    dormant.clear();
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

  /** Whether some of it is answered only after the browser has drawn. */
  function needsFrame() {
    let needs = false;
    flights.forEach((flight) => {
      if (flight.frames) needs = true;
    });
    return needs;
  }

  /**
   * Waits until nothing is in flight. Call it only where something is.
   * @param {() => Promise<unknown>} drawFrame has the browser draw
   * @param {() => Promise<boolean>} isAtRest asks whether the browser has nothing left to do
   */
  async function finish(drawFrame, isAtRest) {
    let turns = 0;
    let looks = 0;
    while (open > 0) {
      if (needsFrame()) await own(drawFrame());
      if (open > 0) await own(turn());
      wake = ignore;
      if (open === 0) return;
      turns = isStuck() ? turns + 1 : 0;
      if (turns === 0) looks = 0;
      if (turns <= TURNS_BEFORE_LOOKS) continue;
      if (await own(isAtRest())) looks += 1;
      if (looks >= LOOKS && isStuck()) giveUp();
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

  return { __proto__: null, begin, end, resume, finish, words, isOpen: () => open > 0 };
}

/** @typedef {ReturnType<typeof createWork>} Work */
