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
 * @property {AudioBuffer | null} buffer
 */

const QUANTUM = 128;
/**
 * How much a context can render for a page that looks at what it plays, in samples: an hour at the usual rate. Memory is used
 * as it goes on, but all of it is set aside, of which the browser has some 20 GB. So contexts after the first eight have less.
 */
const MOST_SAMPLES = 3600 * 48000;
const MOST_SAMPLES_OF_OTHERS = MOST_SAMPLES / 12;
/** How long it can be for a film's sound, all of which the browser keeps (listening.py says so). */
const MOST_HEARD_SECONDS = 1800;

function createAudioClocks() {
  /** @type {AudioClock[]} */
  const clocks = list();
  /** @type {SafeWeakMap<object, AudioClock>} */
  const byContext = new SafeWeakMap();
  /** @type {SafeMap<HTMLMediaElement, Route>} */
  const routes = new SafeMap();
  /** @type {HeardPiece[]} */
  let pieces = list();

  const audio = {
    __proto__: null,
    clocks,
    byContext,
    /** What the page plays through a context: audio_elements.js. */
    routes,
    hasRoutes: () => routes.size > 0,
    /** Whether a page looks at what it plays. */
    isLookedAt: false,
    /** Whether contexts are to render at all. */
    renders: () => clocks.length > 0 && (audio.isLookedAt || HEARD_SECONDS !== undefined),
    /** A context's own time in seconds. @param {AudioClock} clock */
    timeOf: (clock) => (clock.state === "running" ? max(0, (kernelNow() - clock.origin) / 1000) : clock.stopped),
    /** Ends what is heard of a context for now. @param {AudioClock} clock @param {number} end */
    endPiece(clock, end) {
      if (clock.state !== "running" || end <= clock.runsSince) return;
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
  for (let index = 0; index < audio.clocks.length; index += 1) {
    const clock = audio.clocks[index];
    if (!clock.alive()) continue;
    clock.seen = kernel.now;
    if (clock.state === "running") await own(renderTo(clock, audio.timeOf(clock)));
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
  // What a script starts now then begins at its very sample; rounded up, it would begin with the next block.
  const quanta = floor((seconds * clock.rate) / QUANTUM + 1e-6);
  if (quanta * QUANTUM >= clock.length && HEARD_SECONDS === undefined) clock.tooLong();
  if (quanta <= clock.quanta || quanta * QUANTUM >= clock.length) return;
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

/**
 * Renders a context to its end. One at a time: those that a page has closed have long to go.
 * @param {number} index
 * @returns {Promise<{ __proto__: null, address: string, rate: number, samples: number, channels: number }[] | null>} what it
 *   is, if it is not silent; null where there is none of that number
 */
async function finishAudio(index) {
  const found = list();
  const { clocks } = kernel.audio;
  if (index >= clocks.length) return null;
  if (index === 0) await own(startRoutes());
  const clock = clocks[index];
  if (!clock.alive()) return found;
  goOn(clock);
  await own(settled(clock.whole));
  const { buffer } = clock;
  if (buffer !== null) {
    let peak = 0;
    for (let channel = 0; channel < nativeAudio.channels(buffer); channel += 1) {
      const samples = nativeAudio.samples(buffer, channel);
      for (let at = 0; at < clock.length && peak === 0; at += 1) peak = abs(samples[at]);
    }
    const { address, rate, length } = clock;
    if (peak > 0) append(found, { __proto__: null, address, rate, samples: length, channels: nativeAudio.channels(buffer) });
  }
  return found;
}

/**
 * Samples of a context, channels side by side, as 32-bit floats in base64; "" where there is no such context.
 * @param {string} address
 * @param {number} from
 * @param {number} count
 */
function audioSamples(address, from, count) {
  const { clocks } = kernel.audio;
  for (let index = 0; index < clocks.length; index += 1) {
    const { buffer } = clocks[index];
    if (clocks[index].address === address && buffer !== null) return nativeAudio.encode(buffer, from, count);
  }
  return "";
}
