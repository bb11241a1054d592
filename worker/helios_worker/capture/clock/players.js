// The videos and sounds that the clock knows, what each does, and the position at which it therefore stands.
//
// The position follows the virtual time; the element itself never plays.

/**
 * What one element does.
 * @typedef {object} Player
 * @property {null} [__proto__]
 * @property {boolean} isVideo
 * @property {boolean} playing it is not paused: from the position `value` at the virtual time `at`, unless it is blocked
 * @property {boolean} blocked it plays, but has no data at its position
 * @property {boolean} seeking the page has set a position whose picture is not there yet
 * @property {boolean} ready it had data since it began to load
 * @property {boolean} placed the page has set a position since it began to load
 * @property {boolean} scripted a script brings its data: media_sources.js
 * @property {number | null} givenUp the end of data that the browser makes no picture of
 * @property {number} value a position in seconds
 * @property {number} at virtual time in milliseconds
 * @property {number | null} until where the address says that it pauses, in seconds
 * @property {{ __proto__: null, resolve(): void, reject(error: unknown): void }[]} promises of play() that are not settled
 * @property {boolean} started it was played or paused before, so that it does not start on its own
 * @property {boolean} connected it was in a document when last looked at
 * @property {boolean} failed it cannot be shown
 * @property {boolean} reported and that has been said
 * @property {boolean} examined it was looked whether it has pictures
 * @property {number} loads how often it began to load
 * @property {number | null} told the position of the last `timeupdate`
 * @property {number} rate that the page was told of last
 * @property {boolean} canPlay the page was told that it can play
 * @property {boolean} canPlayThrough and that it can play to its end
 * @property {number | null} shown the position of the last seek, null before the first
 * @property {number | null} state its readyState before the clock's own seek that is under way
 * @property {number} arrivals how many seeks have ended
 * @property {boolean} hidden it had no place in the picture when last looked at
 * @property {number} lookedAt the frame in which that was
 * @property {boolean} fresh the page was not told of its last picture
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
/** Seconds: browsers round a length to a microsecond, and so that of 20 pictures at 30 a second up. */
const LENGTH_ROUNDING = 5e-7;

/**
 * @param {NativeMedia} browser
 * @param {MediaEvents} events
 * @param {MediaSources} sources
 */
function createPlayers(browser, events, sources) {
  const known = kernel.media;
  const { NETWORK_EMPTY, HAVE_CURRENT_DATA, HAVE_ENOUGH_DATA } = HTMLMediaElement;
  /** @type {SafeMap<HTMLMediaElement, Player>} the known ones that still matter */
  const players = new SafeMap();

  /**
   * The player of an element, made at first sight. It matters from now on.
   * @param {HTMLMediaElement} element
   */
  function of(element) {
    let player = known.get(element);
    if (!player) {
      player = newPlayer(browser.isVideo(element), browser.rate(element));
      known.set(element, player);
      if (player.isVideo) listen(/** @type {HTMLVideoElement} */ (element), player);
      if (!browser.isLive(element) && browser.networkState(element) !== NETWORK_EMPTY) browser.pause(element);
    }
    events.guard(element);
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
    const { value } = player;
    const length = browser.duration(element);
    const isFinite = NumberIsFinite(length) && length > 0;
    if (!player.playing || player.blocked || player.seeking) return isFinite ? min(value, length) : value;
    let reached = value + ((kernel.now - player.at) / 1000) * browser.rate(element);
    if (player.until !== null) reached = min(reached, max(value, player.until));
    if (player.scripted) reached = min(reached, sources.endOfData(element, value) ?? value);
    if (!isFinite || reached < length - LENGTH_ROUNDING - ROUNDING) return reached;
    return browser.loops(element) ? max(0, reached - length * roundsOf(reached, length)) : length;
  }

  /** How often a loop has begun anew. @param {number} reached since its start @param {number} length */
  function roundsOf(reached, length) {
    const rounded = min(max(1, floor(reached / length + 0.5)) * LENGTH_ROUNDING, length / 2);
    return floor((reached + rounded + ROUNDING) / length);
  }

  /**
   * Keeps an element's position and counts on from there.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function anchor(element, player) {
    player.value = position(element, player);
    player.at = kernel.now;
  }

  /**
   * Whether an element stands at its end.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function isAtEnd(element, player) {
    const length = browser.duration(element);
    return NumberIsFinite(length) && length > 0 && position(element, player) >= length;
  }

  /** The same, and will not begin anew by itself. @param {HTMLMediaElement} element @param {Player} player */
  const hasEnded = (element, player) => !browser.loops(element) && isAtEnd(element, player);

  /** Whether an element is to start on its own, when it can. @param {HTMLMediaElement} element @param {Player} player */
  const isToStart = (element, player) => !player.started && browser.autoplay(element);

  /**
   * The element's readyState, as it would be without the clock's own seeks, and if loading took no time.
   * @param {HTMLMediaElement} element
   */
  function stateOf(element) {
    const player = known.get(element);
    const state = player?.state ?? browser.readyState(element);
    return state >= HAVE_CURRENT_DATA && isWhole(element) ? HAVE_ENOUGH_DATA : state;
  }

  /** Whether all of an element's data count as there, once some are. @param {HTMLMediaElement} element */
  const isWhole = (element) => !browser.isLive(element) && !sources.isScripted(element);

  /** Notes that an element begins to load. @param {Player} player */
  function startLoading(player) {
    player.loads += 1;
    player.blocked = player.playing;
    player.seeking = player.ready = player.placed = player.failed = player.reported = player.examined = false;
    player.canPlay = player.canPlayThrough = false;
    player.until = player.shown = player.told = player.state = player.givenUp = null;
  }

  return { __proto__: null, players, of, position, roundsOf, anchor, isAtEnd, hasEnded, isToStart, stateOf, isWhole, startLoading };
}

/** @typedef {ReturnType<typeof createPlayers>} Players */

/** @param {boolean} isVideo @param {number} rate @returns {Player} */
function newPlayer(isVideo, rate) {
  return {
    __proto__: null,
    isVideo,
    ...{ playing: false, blocked: false, seeking: false, ready: false, placed: false, scripted: false },
    ...{ value: 0, at: kernel.now, until: null, givenUp: null },
    promises: list(),
    ...{ started: false, connected: false, failed: false, reported: false, examined: false, loads: 0 },
    ...{ told: null, rate, canPlay: false, canPlayThrough: false },
    ...{ shown: null, state: null, arrivals: 0, hidden: false, lookedAt: -1, fresh: false },
    ...{ picture: undefined, presented: 0, callbacks: new SafeMap(), heard: undefined, hearings: 0 },
  };
}
