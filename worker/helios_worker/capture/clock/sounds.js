// What is heard of videos and sounds: which piece of which file plays from when to when, and how loud. Pages that are
// opened to plan a film's sound note it (HEARD_SECONDS); others only what goes through an AudioContext (audio_elements.js).
//
// An element is looked at in each frame and whenever something is told of it. As long as it goes on from where it began,
// that is one piece. Its loudness is noted where it changes.

/**
 * A piece of a file that is heard. Times are virtual, in milliseconds of the kernel; positions are seconds of the file.
 * @typedef {object} HeardPiece
 * @property {null} [__proto__]
 * @property {string} address
 * @property {string} element in few words, for messages
 * @property {number} begin
 * @property {number} end known once it has ended; until then when it was last noted
 * @property {number} until where it ends at the latest
 * @property {number} position at its begin
 * @property {number} rate
 * @property {boolean} keepsPitch
 * @property {number} loop the length after which it begins anew, 0 where it does not
 * @property {number[]} gains a time, and the loudness from then on, and so on
 * @property {string} silent why nothing of it can be heard, "" where it can
 */

/** @typedef {{ __proto__: null, begin: number, end: number, position: number, rate: number, gain: number, loop?: number }} SoundPlace times in milliseconds */

/** Seconds: an element that is no further off than that goes on as before. */
const DRIFT = 2e-4;
/** How many changes of loudness are kept: a change in each frame of an hour, for each of a hundred sounds. */
const MOST_GAINS = 1e7;

/**
 * @param {NativeMedia} browser
 * @param {Players} roster
 */
function createSounds(browser, roster) {
  const { heard } = kernel;
  const { open, placed } = heard;
  const { players } = roster;
  const { routes } = kernel.audio;
  const helios = createHeliosSounds(browser);
  const keepsPitch = getterOf(HTMLMediaElement.prototype, "preservesPitch");
  const isMuted = getterOf(HTMLMediaElement.prototype, "muted");
  const volumeOf = getterOf(HTMLMediaElement.prototype, "volume");
  const ownerOf = getterOf(Node.prototype, "ownerDocument");

  /** @param {HTMLMediaElement} element */
  const loudness = (element) => (isMuted(element) ? 0 : volumeOf(element));

  /** @param {HTMLMediaElement} element */
  function inFewWords(element) {
    const address = browser.address(element);
    return stringSlice(`<${browser.localName(element)}${address ? ` src="${address}"` : ""}>`, 0, 200);
  }

  /**
   * The piece that an element plays from now on; null while it plays none.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   * @returns {HeardPiece | null}
   */
  function pieceOf(element, player) {
    if (!player.playing || player.blocked || player.seeking) return null;
    const length = browser.duration(element);
    const loops = browser.loops(element) && NumberIsFinite(length) && length > 0;
    return {
      __proto__: null,
      address: browser.address(element),
      element: inFewWords(element),
      begin: player.at,
      end: kernel.now,
      until: Infinity,
      position: player.value,
      rate: browser.rate(element),
      keepsPitch: keepsPitch(element),
      loop: loops ? length : 0,
      gains: list(player.at, loudness(element)),
      silent: player.scripted ? "a script brings its data (MediaSource)" : "",
    };
  }

  /** @param {HTMLMediaElement} element @param {HeardPiece | null} next */
  function keep(element, next) {
    const last = open.get(element);
    if (last && next && soundGoesOn(last, next)) {
      last.end = kernel.now;
      const gain = next.gains[1];
      const { length } = last.gains;
      if (last.gains[length - 1] === gain || heard.gains > MOST_GAINS) return;
      if (last.gains[length - 2] === kernel.now) {
        last.gains[length - 1] = gain; // the one before had no time to be heard
        return;
      }
      append(last.gains, kernel.now);
      append(last.gains, gain);
      heard.gains += 1;
      return;
    }
    if (last) {
      last.end = min(last.until, next ? max(last.begin, next.begin) : kernel.now);
      append(heard.pieces, last);
      open.delete(element);
    }
    if (next) open.set(element, next);
  }

  /**
   * Notes an element that a composition places in its film, whatever its own player does.
   * @param {HTMLMediaElement} element
   * @param {SoundPlace | null} found null while it is not heard
   */
  function place(element, found) {
    placed.add(element);
    if (found === null) return keep(element, null);
    const { begin, end, position, rate, gain, loop = 0 } = found;
    keep(element, {
      __proto__: null,
      address: browser.address(element),
      element: inFewWords(element),
      ...{ begin, end: kernel.now, until: end, position, rate },
      ...{ keepsPitch: keepsPitch(element), loop, gains: list(begin, gain * loudness(element)), silent: "" },
    });
  }

  /** Notes what an element plays by now. @param {HTMLMediaElement} element */
  function note(element) {
    const route = routes.get(element);
    if (!route && HEARD_SECONDS === undefined) return;
    const player = kernel.media.get(element);
    if (!player || browser.isLive(element)) return;
    if (route) return route.play(pieceOf(element, player));
    const declared = helios.isSilenced(element) ? null : helios.placeOf(element);
    if (declared !== undefined) place(element, declared);
    else if (!placed.has(element)) keep(element, pieceOf(element, player));
  }

  return {
    __proto__: null,
    note,
    noteAll: () => players.forEach((_player, element) => note(element)),
    /** Ends what is heard in a document that is shown no more. */
    leave() {
      players.forEach((_player, element) => {
        if (ownerOf(element) === document) keep(element, null);
      });
    },
    place,
  };
}

/**
 * How loud straight fades leave a sound, all in seconds; 0 is no fade.
 * @param {number} passed since it began
 * @param {number} left until it ends, Infinity where nobody knows
 * @param {number} fadeIn
 * @param {number} fadeOut
 */
function faded(passed, left, fadeIn, fadeOut) {
  const begun = fadeIn > 0 ? min(1, max(0, passed / fadeIn)) : 1;
  return fadeOut > 0 ? begun * min(1, max(0, left / fadeOut)) : begun;
}

/** Whether one piece goes on as another. @param {HeardPiece} last @param {HeardPiece} next */
function soundGoesOn(last, next) {
  if (last.address !== next.address || last.rate !== next.rate || last.loop !== next.loop) return false;
  if (last.keepsPitch !== next.keepsPitch || last.silent !== next.silent) return false;
  let off = abs(next.position - last.position - ((next.begin - last.begin) / 1000) * last.rate);
  if (last.loop > 0) off = min(off % last.loop, last.loop - (off % last.loop));
  return off < DRIFT;
}

/** What is heard in a page and its same-origin frames: kernel.js keeps it, since elements go from one to another. */
function createHeard() {
  /** @type {SafeMap<HTMLMediaElement, HeardPiece>} those that go on */
  const open = new SafeMap();
  /** @type {SafeMap<string, Blob>} */
  const files = new SafeMap();
  /** @type {SafeSet<string>} */
  const revoked = new SafeSet();
  /** @type {SafeSet<string>} */
  const loaded = new SafeSet();
  const heard = {
    __proto__: null,
    open,
    /** @type {HeardPiece[]} those that have ended, since they were last taken */
    pieces: list(),
    gains: 0,
    /** Those that a composition places. @type {SafeWeakSet<HTMLMediaElement>} */
    placed: new SafeWeakSet(),
    /** The files that scripts have made addresses for. */
    files,
    /** The addresses that elements have loaded. */
    loaded,
    /** Those that scripts have given up. */
    revoked,
    /** A file that a script has made, for the driver, who asks once for each. @param {string} address */
    fileOf(address) {
      const file = files.get(address);
      if (revoked.has(address)) files.delete(address);
      return file;
    },
    /** Takes the pieces that have ended. @param {number | null} end of the film, in milliseconds: what goes on ends there */
    take(end) {
      const { pieces } = heard;
      heard.pieces = list();
      revoked.forEach((address) => {
        if (!loaded.has(address)) files.delete(address);
      });
      if (end === null) return pieces;
      const played = kernel.audio.take(end);
      for (let index = 0; index < played.length; index += 1) append(pieces, played[index]);
      open.forEach((piece) => {
        const isGone = piece.end < kernel.now; // with its frame
        if (!isGone) piece.end = min(piece.until, end);
        append(pieces, piece);
      });
      open.clear();
      return pieces;
    },
  };
  return heard;
}

/** A file's bytes as a data: address; "" where there are none, or too many. @type {(file: Blob | undefined) => Promise<string>} */
const dataOf = (() => {
  const { FileReader: Reader } = globalThis;
  if (!Reader) return () => new NativePromise((resolve) => resolve(""));
  const MOST_BYTES = 64 << 20; // the browser closes its pipe on a message of 100 MB
  const read = methodOf(Reader.prototype, "readAsDataURL");
  const resultOf = getterOf(Reader.prototype, "result");
  const sizeOf = getterOf(Blob.prototype, "size");
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  return (file) =>
    new NativePromise((resolve) => {
      if (!file || sizeOf(file) > MOST_BYTES) return resolve("");
      const reader = new Reader();
      listen(reader, "loadend", () => resolve(NativeString(resultOf(reader) ?? "")));
      read(reader, file);
    });
})();
