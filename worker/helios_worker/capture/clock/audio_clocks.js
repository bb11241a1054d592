// The time of each AudioContext of a page, and the rendering of what it plays.
//
// Under an AudioContext is an OfflineAudioContext. It renders as far as the film's clock has come before scripts run, so
// that what they change applies from then on. It renders only where somebody listens: for the plan of the film's sound
// (HEARD_SECONDS), or where the page looks at what it plays.

/**
 * One AudioContext. Its own time is in seconds, and stands still while the page has suspended it.
 * @typedef {object} AudioClock
 * @property {null} [__proto__]
 * @property {string} address by which its sound is known
 * @property {BaseAudioContext} context
 * @property {number} rate samples per second
 * @property {number} length of what it renders, in samples
 * @property {"running" | "suspended" | "closed"} state
 * @property {number} origin the virtual time at which its own was 0
 * @property {number} stopped its own time, while it does not run
 * @property {number} runsSince virtual time from which on it has run without a stop
 * @property {() => boolean} alive whether its document is still shown
 * @property {() => void} tooLong tells that it has rendered all that it can
 * @property {number} seen the virtual time at which it was, last
 * @property {boolean} works whether it has worklets
 * @property {boolean} plays whether a source has been started
 * @property {number} quanta how far it has rendered, in blocks of 128 samples
 * @property {Promise<AudioBuffer> | null} whole what it renders, once it has begun
 * @property {AudioBuffer | null} buffer that, at its end
 * @property {boolean} isOver whether it renders no more
 */

const QUANTUM = 128;
/**
 * A context's clock is two microseconds ahead of the film's when it begins, and a billionth slower: as with a sound card, the
 * two never say the same for long. Libraries plan their notes from one timer to the next. Timers come at round times here, as
 * notes do, and a note at the very border of two plans, to a rounding error, is in neither: Tone.js lost beats at 100 a minute.
 */
const AHEAD = 2.3e-6;
const SLOWER = 1e-9;
/**
 * Tone.js also loses the first note where a product of its time and the tempo is rounded, in browsers about 1 time in 15. So
 * the time has few binary digits, once the tenth of a second is added by which Tone.js looks ahead.
 */
const TICK = 2 ** -36;
const LOOK_AHEAD = 0.1;
/**
 * How much a context can render for a page that looks at what it plays, in samples: an hour at the usual rate. Memory is used
 * as it goes on, but all of it is set aside, of which the browser has some 20 GB. So contexts after the first eight have less.
 */
const MOST_SAMPLES = 3600 * 48000;
const MOST_SAMPLES_OF_OTHERS = MOST_SAMPLES / 12;
/** How long it can be for a film's sound, since the browser keeps all that a context renders until it is over. */
const MOST_HEARD_SECONDS = 1800;
/**
 * A context that is closed is rendered to its end, in silence. So those of a page that has closed so many, such as one for each
 * note, get that many seconds, or several times as many as the longest of them has had. Where one would have played on, the
 * driver has another page play that gives them the film's length.
 */
const MANY_CLOSED = 8;
const SHORT_SECONDS = 30;
const TIMES_AS_LONG = 4;
/** What all of them may set aside, in samples of two channels. Later ones get SHORT_SECONDS. */
const MOST_SET_ASIDE = (8 * 2 ** 30) / 8;
function createAudioClocks() {
  /** @type {AudioClock[]} */
  let clocks = list();
  /** @type {PlayedSound[]} */
  let finished = list();
  let made = 0;
  let closed = 0;
  let longest = 0;
  /** @type {SafeWeakMap<object, AudioClock>} */
  const byContext = new SafeWeakMap();
  /** @type {SafeMap<HTMLMediaElement, Route>} */
  const routes = new SafeMap();
  /** @type {HeardPiece[]} */
  let pieces = list();

  const audio = {
    __proto__: null,
    /** Those that are not over. */
    clocks: () => clocks,
    byContext,
    /** @param {AudioClock} clock */
    add(clock) {
      made += 1;
      byContext.set(clock.context, clock);
      append(clocks, clock);
    },
    /** Forgets what a context has rendered, with all that the browser keeps of it. @param {AudioClock} clock */
    remove(clock) {
      clocks = without(clocks, clock);
    },
    /** What contexts that are over have played, until the driver has taken it. */
    finished: () => finished,
    /** @param {PlayedSound} sound */
    keep: (sound) => append(finished, sound),
    /** @param {string} address */
    forget(address) {
      /** @type {PlayedSound[]} */
      const left = list();
      for (let index = 0; index < finished.length; index += 1) if (finished[index].address !== address) append(left, finished[index]);
      finished = left;
    },
    /** The seconds after which a context was cut off while it played; 0 where none was. */
    cutAfter: 0,
    /** Notes that a source of a context is started. @param {AudioClock} clock */
    notePlays(clock) {
      clock.plays = true;
      if (clock.isOver && clock.state === "running" && HEARD_SECONDS !== undefined) audio.cutAfter = clock.length / clock.rate;
    },
    /** Notes that a context has been closed. @param {AudioClock} clock */
    noteClosed(clock) {
      closed += 1;
      longest = max(longest, clock.stopped);
    },
    /** How many samples a new context may render, at a rate. @param {number} rate */
    room(rate) {
      if (HEARD_SECONDS === undefined) {
        if (made < 8) return MOST_SAMPLES;
        return closed < MANY_CLOSED ? MOST_SAMPLES_OF_OTHERS : ceil(rate * max(SHORT_SECONDS * 2, longest * TIMES_AS_LONG));
      }
      let seconds = min(HEARD_SECONDS - kernelNow() / 1000, MOST_HEARD_SECONDS);
      let setAside = seconds * rate;
      for (let index = 0; index < clocks.length; index += 1) setAside += clocks[index].length;
      const isOneOfMany = closed >= MANY_CLOSED && !config.hearsLong;
      if (isOneOfMany || setAside > MOST_SET_ASIDE) seconds = min(seconds, max(SHORT_SECONDS, longest * TIMES_AS_LONG));
      return max(1, ceil(seconds * rate));
    },
    /** Has nothing more reach a context's destination: audio_graph.js. @type {(context: BaseAudioContext) => void} */
    silence() {},
    /** What the page plays through a context: audio_elements.js. */
    routes,
    hasRoutes: () => routes.size > 0,
    /** Whether a page looks at what it plays. */
    isLookedAt: config.looksAtSound === true,
    /** Whether contexts are to render at all. */
    renders: () => clocks.length > 0 && (audio.isLookedAt || HEARD_SECONDS !== undefined),
    /** A context's own time in seconds. @param {AudioClock} clock */
    timeOf: (clock) => (clock.state === "running" ? max(0, (kernelNow() - clock.origin) / 1000) : clock.stopped),
    /** What it tells the page. @param {AudioClock} clock */
    shownTime: (clock) => floor((audio.timeOf(clock) * (1 - SLOWER) + AHEAD + LOOK_AHEAD) / TICK) * TICK - LOOK_AHEAD,
    /** Ends what is heard of a context for now. @param {AudioClock} clock @param {number} end */
    endPiece(clock, end) {
      if (clock.state !== "running" || clock.isOver || end <= clock.runsSince) return;
      append(pieces, {
        __proto__: null,
        ...{ address: clock.address, element: "an AudioContext", begin: clock.runsSince, end, until: end },
        ...{ position: (clock.runsSince - clock.origin) / 1000, rate: 1, keepsPitch: true, loop: 0 },
        ...{ gains: list(clock.runsSince, 1), silent: clock.alive() || !clock.plays ? "" : "its frame has been removed" },
      });
    },
    /** The pieces of contexts that are heard. @param {number | null} end of the film: what goes on ends there */
    take(end) {
      if (end === null) return list();
      for (let index = 0; index < clocks.length; index += 1) {
        const clock = clocks[index];
        audio.endPiece(clock, clock.alive() ? end : clock.seen);
      }
      const taken = pieces;
      pieces = list();
      return taken;
    },
  };
  const kernelNow = () => kernel.now;
  return audio;
}

/** Lets contexts render up to the present moment. @returns {Promise<void>} */
const renderAudio = async () => {
  const { audio } = kernel;
  if (audio.hasRoutes()) await own(startRoutes());
  const clocks = audio.clocks();
  for (let index = 0; index < clocks.length; index += 1) {
    const clock = clocks[index];
    if (!clock.alive()) continue;
    clock.seen = kernel.now;
    if (clock.state === "closed") await own(finish(clock));
    else if (clock.state === "running") await own(renderTo(clock, audio.timeOf(clock)));
  }
};

async function startRoutes() {
  /** @type {Route[]} */
  const found = list();
  const { routes } = kernel.audio;
  routes.forEach((route) => append(found, route));
  for (let index = 0; index < found.length; index += 1) {
    const route = found[index];
    await own(route.start());
  }
}

/** @param {AudioClock} clock @param {number} seconds of its own time */
async function renderTo(clock, seconds) {
  if (!clock.plays && !clock.works) return;
  // What a script starts now then begins at its very sample; rounded up, it would begin with the next block.
  const quanta = floor((seconds * clock.rate) / QUANTUM + 1e-6);
  if (quanta * QUANTUM < clock.length) return renderQuanta(clock, quanta);
  if (HEARD_SECONDS === undefined) clock.tooLong();
  else await own(finish(clock));
}

/** @param {AudioClock} clock @param {number} quanta */
async function renderQuanta(clock, quanta) {
  if (quanta <= clock.quanta) return;
  const reached = nativeAudio.suspend(clock.context, (quanta * QUANTUM - 1) / clock.rate);
  clock.quanta = quanta;
  goOn(clock);
  await own(settled(reached));
  if (clock.works) await own(hearWorklets(clock.context));
}

/** Waits until the page has got what a context's worklets have sent it by now. @param {BaseAudioContext} context */
async function hearWorklets(context) {
  await own(settled(nativeAudio.afterWorklets(context)));
  await own(quiet());
}

/** @param {AudioClock} clock */
function goOn(clock) {
  if (clock.whole) {
    whenSettled(nativeAudio.resume(clock.context), ignore, ignore);
  } else {
    clock.whole = nativeAudio.startRendering(clock.context);
    whenSettled(clock.whole, (buffer) => (clock.buffer = buffer), ignore);
  }
}
