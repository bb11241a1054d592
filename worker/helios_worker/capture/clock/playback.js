// What a page has its videos and sounds do, and the position at which each of them therefore stands.
//
// The position follows the virtual time; the element itself never plays. media_api.js notes what the page calls,
// media_elements.js what comes and goes, and pictures.js seeks the elements to their positions.

/**
 * What one element does.
 * @typedef {object} Player
 * @property {null} [__proto__]
 * @property {boolean} isVideo
 * @property {boolean} playing from the position `value` at the virtual time `at`
 * @property {number} value a position in seconds
 * @property {number} at virtual time in milliseconds
 * @property {boolean} autoplay it starts on its own, unless it was `started`
 * @property {boolean} started it was played or paused before
 * @property {boolean} connected it was in a document when last looked at
 * @property {number | null} shown the position of the last seek, null before the first
 * @property {number | undefined} picture media time of the last picture that the page was told of
 * @property {number} presented how many pictures the page was told of
 * @property {SafeMap<number, VideoFrameRequestCallback>} callbacks of the page's, by their number
 * @property {number | undefined} heard media time of the last picture that the browser presented
 * @property {number} hearings how many pictures the browser presented
 */

/** Seconds: the browser's own resolution. */
const SAME = 1e-6;
/** Seconds: 0.2 + 1.4 is a hair less than two rounds of 0.8. */
const ROUNDING = 1e-9;

/** @param {NativeMedia} browser */
function createPlayback(browser) {
  const { tell } = browser;
  /** @type {SafeWeakMap<HTMLMediaElement, Player>} */
  const known = new SafeWeakMap();
  /** @type {SafeMap<HTMLMediaElement, Player>} the known ones that still matter */
  const players = new SafeMap();

  /**
   * The player of an element, made at first sight. It matters from now on.
   * @param {HTMLMediaElement} element
   */
  function of(element) {
    let player = known.get(element);
    if (!player) {
      player = {
        __proto__: null,
        isVideo: browser.isVideo(element),
        playing: false,
        autoplay: false,
        started: false,
        connected: false,
        at: kernel.now,
        value: 0,
        shown: null,
        picture: undefined,
        presented: 0,
        callbacks: new SafeMap(),
        heard: undefined,
        hearings: 0,
      };
      known.set(element, player);
      if (player.isVideo) listen(/** @type {HTMLVideoElement} */ (element), player);
    }
    players.set(element, player);
    return player;
  }

  /**
   * Notes each picture that the browser presents.
   * @param {HTMLVideoElement} element
   * @param {Player} player
   */
  function listen(element, player) {
    browser.requestVideoFrameCallback(element, (_, { mediaTime }) => {
      player.heard = mediaTime;
      player.hearings += 1;
      listen(element, player);
    });
  }

  /**
   * Where an element stands at the present moment, in seconds.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function position(element, player) {
    const played = player.playing ? ((kernel.now - player.at) / 1000) * browser.rate(element) : 0;
    const value = player.value + played;
    const length = browser.duration(element);
    if (!NumberIsFinite(length) || length <= 0 || value < length - ROUNDING) return value;
    return browser.loops(element) ? max(0, value - length * floor((value + ROUNDING) / length)) : length;
  }

  /** @param {HTMLMediaElement} element */
  function play(element) {
    const player = of(element);
    if (player.playing) return;
    if (position(element, player) >= browser.duration(element)) player.value = 0;
    player.playing = player.started = true;
    player.at = kernel.now;
    if (!player.isVideo) realm.sounds(element);
    tell(element, "play");
    tell(element, "playing");
  }

  /** @param {HTMLMediaElement} element */
  function pause(element) {
    const player = of(element);
    if (!player.playing) return;
    player.value = position(element, player);
    player.playing = false;
    tell(element, "pause");
  }

  /**
   * Forgets what an element did: one that loads something new begins at its start.
   * @param {HTMLMediaElement} element
   */
  function reload(element) {
    const player = of(element);
    player.playing = player.started = false;
    player.value = 0;
    player.shown = null;
    player.picture = undefined;
  }

  /**
   * Whether an element stands at its end.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function hasEnded(element, player) {
    const length = browser.duration(element);
    return !browser.loops(element) && NumberIsFinite(length) && position(element, player) >= length;
  }

  /** Ends what has reached its end by now. */
  function end() {
    players.forEach((player, element) => {
      if (!player.playing || !hasEnded(element, player)) return;
      player.value = browser.duration(element);
      player.playing = false;
      tell(element, "pause");
      tell(element, "ended");
    });
  }

  /** The virtual time at which the next element ends, Infinity if none does. */
  function nextEnd() {
    let next = Infinity;
    players.forEach((player, element) => {
      const left = browser.duration(element) - player.value;
      if (!player.playing || browser.loops(element) || !(left > 0)) return;
      next = min(next, player.at + (left / browser.rate(element)) * 1000);
    });
    return next;
  }

  return { __proto__: null, players, of, position, play, pause, reload, hasEnded, end, nextEnd };
}

/** @typedef {ReturnType<typeof createPlayback>} Playback */
