// What AudioContexts have played that are over, because the page has closed them or the film ends: it is kept here until the
// driver has taken it, and the browser can free the rest.

/**
 * What an AudioContext has played.
 * @typedef {object} PlayedSound
 * @property {null} [__proto__]
 * @property {string} address
 * @property {number} rate samples per second
 * @property {number} samples of each channel
 * @property {Float32Array[]} channels
 */

/** Seconds of a context's end: where it is silent then, it has nothing more to play. */
const TAIL = 0.1;

/**
 * Renders a context to its end, or to where the page has closed it, and keeps what it has played.
 * @param {AudioClock} clock
 */
async function finish(clock) {
  const { audio } = kernel;
  const { context, address, rate } = clock;
  const isCut = clock.state === "running" && clock.origin + (clock.length / rate) * 1000 < (HEARD_SECONDS ?? 0) * 1000;
  const isHeard = HEARD_SECONDS !== undefined && (clock.plays || clock.works);
  let samples = clock.length;
  if (isHeard && clock.state === "closed") {
    samples = min(clock.length, ceil(clock.stopped * rate));
    const quanta = ceil(samples / QUANTUM);
    if (quanta * QUANTUM < clock.length) await own(renderQuanta(clock, quanta));
    audio.silence(context);
  }
  audio.endPiece(clock, clock.origin + (samples / rate) * 1000);
  clock.isOver = true;
  audio.remove(clock);
  if (!isHeard) {
    // So that the browser can free what it has set aside. The rest of a long one would take more memory and time than it is worth.
    if (clock.whole && clock.length <= SHORT_SECONDS * 4 * rate) {
      audio.silence(context);
      goOn(clock);
      await own(settled(clock.whole));
    }
    return;
  }
  goOn(clock);
  await own(settled(clock.whole));
  const { buffer } = clock;
  clock.whole = clock.buffer = null;
  if (buffer === null) return;
  /** @type {Float32Array[]} */
  const channels = list();
  for (let channel = 0; channel < nativeAudio.channels(buffer); channel += 1) append(channels, nativeAudio.copy(buffer, channel, samples));
  if (isCut && sounds(channels, samples - TAIL * rate)) audio.cutAfter = samples / rate;
  if (sounds(channels, 0)) audio.keep({ __proto__: null, address, rate, samples, channels });
}

/** Whether anything is heard from a sample on. @param {Float32Array[]} channels @param {number} from */
function sounds(channels, from) {
  for (let channel = 0; channel < channels.length; channel += 1) {
    const samples = channels[channel];
    for (let at = max(0, floor(from)); at < samples.length; at += 1) if (samples[at] !== 0) return true;
  }
  return false;
}

/**
 * What contexts have played that are over; null where there is nothing left.
 * @param {boolean} isEnd the film ends here: one of those that go on ends, too
 * @returns {Promise<{ __proto__: null, address: string, rate: number, samples: number, channels: number }[] | null>}
 */
async function finishAudio(isEnd) {
  const { audio } = kernel;
  const clocks = audio.clocks();
  const isLast = !isEnd || clocks.length === 0;
  if (!isLast) {
    await own(startRoutes());
    const clock = clocks[0];
    if (clock.alive()) await own(finish(clock));
    else audio.remove(clock);
  }
  const found = list();
  const played = audio.finished();
  for (let index = 0; index < played.length; index += 1) {
    const { address, rate, samples, channels } = played[index];
    append(found, { __proto__: null, address, rate, samples, channels: channels.length });
  }
  return isLast && found.length === 0 ? null : found;
}

/**
 * Samples of a context, channels side by side, as 32-bit floats in base64; "" where there is no such context.
 * @param {string} address
 * @param {number} from
 * @param {number} count
 */
function audioSamples(address, from, count) {
  const played = kernel.audio.finished();
  for (let index = 0; index < played.length; index += 1) {
    if (played[index].address === address) return nativeAudio.encode(played[index].channels, from, count);
  }
  return "";
}
