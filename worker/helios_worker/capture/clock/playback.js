// What a page has its videos and sounds do, the position at which each of them therefore stands, and what the page is told.
//
// The position follows the virtual time; the element itself never plays. Loading takes no virtual time (pictures.js waits),
// nor does seeking. media_api.js notes what the page calls, media_elements.js what comes and goes, and pictures.js seeks the
// elements to their positions. The steps and their events are those of the HTML standard, "media elements".

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
 * @property {number} rounds how often it began anew, as one that loops
 * @property {{ __proto__: null, resolve(): void, reject(error: unknown): void }[]} promises of play() that are not settled
 * @property {boolean} autoplay it starts on its own, unless it was `started`
 * @property {boolean} started it was played or paused before
 * @property {boolean} connected it was in a document when last looked at
 * @property {boolean} failed that it cannot be shown has been said
 * @property {boolean} examined it was looked whether it has pictures
 * @property {number} loads how often it began to load
 * @property {number | null} told the position of the last `timeupdate`
 * @property {boolean} canPlay the page was told that it can play
 * @property {boolean} canPlayThrough and that it can play to its end
 * @property {number | null} shown the position of the last seek, null before the first
 * @property {number | null} state its readyState before the clock's own seek that is under way
 * @property {number} arrivals how many seeks have ended
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

/**
 * @param {NativeMedia} browser
 * @param {MediaEvents} events
 * @param {MediaSources} sources
 */
function createPlayback(browser, events, sources) {
  const { tell, queueTask } = events;
  const { HAVE_NOTHING, HAVE_CURRENT_DATA, NETWORK_EMPTY, NETWORK_LOADING, NETWORK_NO_SOURCE } = HTMLMediaElement;
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
      player = newPlayer(browser.isVideo(element));
      known.set(element, player);
      events.guard(element);
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

  events.hearWith((element, type) => {
    const player = of(element);
    if (type === "seeked") player.arrivals += 1;
    // Later seeks of the clock's make the browser say so again.
    if (type === "canplay" && !player.canPlay) {
      player.canPlay = true;
      tell(element, type);
      proceed(element, player);
    }
    if (type === "canplaythrough" && !player.canPlayThrough) {
      player.canPlayThrough = true;
      tell(element, type);
    }
  });

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
    if (!isFinite || reached < length - ROUNDING) return reached;
    return browser.loops(element) ? max(0, reached - length * roundsOf(reached, length)) : length;
  }

  /** @param {number} reached @param {number} length */
  const roundsOf = (reached, length) => floor((reached + ROUNDING) / length);

  /**
   * Keeps an element's position and counts on from there.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function anchor(element, player) {
    player.value = position(element, player);
    player.at = kernel.now;
    player.rounds = 0;
  }

  // -- what the page calls

  /** @param {HTMLMediaElement} element */
  function play(element) {
    const player = of(element);
    player.started = true;
    catchUp(element, player);
    if (hasEnded(element, player)) seek(element, 0);
    if (player.playing) {
      if (!player.blocked) settlePromises(player, false);
      return;
    }
    begin(element, player);
  }

  /** @param {HTMLMediaElement} element @param {Player} player */
  function begin(element, player) {
    player.playing = player.started = true;
    player.at = kernel.now;
    player.rounds = 0;
    player.blocked = player.seeking || !hasData(element, player);
    if (!player.isVideo) realm.sounds(element);
    tell(element, "play");
    if (player.blocked) tell(element, "waiting");
    else notifyPlaying(element, player);
  }

  /**
   * Like play(), with a promise that settles once it plays or has to stop.
   * @param {HTMLMediaElement} element
   * @returns {Promise<void>}
   */
  function playWithPromise(element) {
    const player = of(element);
    const promise = new NativePromise((resolve, reject) => {
      append(player.promises, { __proto__: null, resolve: () => resolve(undefined), reject });
    });
    // A page that starts and stops an element and does not look at the promise has made no mistake.
    whenSettled(promise, ignore, ignore);
    if (browser.error(element)) settlePromises(player, true);
    else play(element);
    return promise;
  }

  /** @param {HTMLMediaElement} element @param {Player} player */
  function notifyPlaying(element, player) {
    tell(element, "playing");
    settlePromises(player, false);
  }

  /**
   * Settles the promises of play() in a task.
   * @param {Player} player
   * @param {boolean} isUnplayable rejects them, because the browser cannot play the file
   * @param {boolean} [isAborted] rejects them, because the page stops the element
   */
  function settlePromises(player, isUnplayable, isAborted = false) {
    const { promises } = player;
    if (promises.length === 0) return;
    player.promises = list();
    queueTask(() => {
      for (let index = 0; index < promises.length; index += 1) {
        const promise = promises[index];
        if (isUnplayable) promise.reject(browser.exception("The element has no supported sources.", "NotSupportedError"));
        else if (isAborted) promise.reject(browser.exception("The play() request was interrupted.", "AbortError"));
        else promise.resolve();
      }
    });
  }

  /** @param {HTMLMediaElement} element */
  function pause(element) {
    const player = of(element);
    if (!player.playing) return;
    anchor(element, player);
    player.playing = player.blocked = false;
    tell(element, "timeupdate");
    tell(element, "pause");
    settlePromises(player, false, true);
  }

  /**
   * Goes to a position. Before an element has metadata, it only keeps the position for later.
   * @param {HTMLMediaElement} element
   * @param {number} seconds
   */
  function seek(element, seconds) {
    const player = of(element);
    catchUp(element, player);
    const length = browser.duration(element);
    player.value = max(0, NumberIsFinite(length) ? min(seconds, length) : seconds);
    player.at = kernel.now;
    player.rounds = 0;
    player.placed = true;
    if (stateOf(element) !== HAVE_NOTHING) beginSeek(element, player);
  }

  /** @param {HTMLMediaElement} element @param {Player} player */
  function beginSeek(element, player) {
    player.seeking = true;
    tell(element, "seeking");
    if (player.playing && !player.blocked) tell(element, "waiting");
  }

  /**
   * Ends a seek whose picture is there.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function endSeek(element, player) {
    player.seeking = false;
    player.at = kernel.now;
    player.fresh = true;
    player.told = player.value;
    tell(element, "timeupdate");
    tell(element, "seeked");
    const again = player.canPlay && player.canPlayThrough; // else the browser has yet to say so
    if (again) tell(element, "canplay");
    if (player.playing) {
      player.blocked = false;
      notifyPlaying(element, player);
    }
    if (again) tell(element, "canplaythrough");
  }

  /**
   * Forgets what an element did: one that loads something new begins at its start.
   * @param {HTMLMediaElement} element
   */
  function reload(element) {
    const player = of(element);
    // One that had nothing to play goes on waiting for it.
    if (player.loads > 0 || browser.address(element)) {
      player.playing = player.started = false;
      settlePromises(player, false, true);
    }
    player.value = 0;
    player.at = kernel.now;
    player.picture = undefined;
    startLoading(player);
    void events.expect();
  }

  /** Notes that an element begins to load. @param {Player} player */
  function startLoading(player) {
    player.loads += 1;
    player.blocked = player.playing;
    player.seeking = player.ready = player.placed = player.failed = player.examined = false;
    player.canPlay = player.canPlayThrough = false;
    player.until = player.shown = player.told = player.state = player.givenUp = null;
  }

  // -- loading

  /** The element's readyState, as it would be without the clock's own seeks. @param {HTMLMediaElement} element */
  function stateOf(element) {
    const own = known.get(element)?.state;
    return own === null || own === undefined ? browser.readyState(element) : own;
  }

  /**
   * Whether an element has data at its position.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function hasData(element, player) {
    if (browser.error(element) || stateOf(element) < HAVE_CURRENT_DATA) return false;
    return !player.scripted || hasEnded(element, player) || sources.endOfData(element, position(element, player)) !== null;
  }

  /** Whether the film shows something of an element, or needs its data. @param {HTMLMediaElement} element @param {Player} player */
  function isWanted(element, player) {
    if (player.playing || player.seeking || player.placed || player.started || player.shown !== null) return true;
    if (player.autoplay) return true;
    // It shows its poster, or nothing while it may not load, because nothing has been done with it.
    return player.isVideo && browser.preload(element) !== "none" && !browser.poster(/** @type {any} */ (element));
  }

  /** Whether the browser has yet to look at the address that an element was given. @param {HTMLMediaElement} element */
  const isUndecided = (element) =>
    browser.networkState(element) === NETWORK_NO_SOURCE && !browser.error(element) && browser.given(element) !== null;

  /**
   * Whether the browser is at work on an element's data, so that time stands still.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function isLoading(element, player) {
    player.scripted = sources.isScripted(element);
    const state = browser.networkState(element);
    if (browser.error(element) || state === NETWORK_EMPTY || state === NETWORK_NO_SOURCE) return false;
    if (!player.scripted && !browser.address(element)) return false;
    if (player.scripted) {
      if (state !== NETWORK_LOADING && !isWanted(element, player)) return false;
      return sources.isArriving(element, position(element, player), player.givenUp);
    }
    if (stateOf(element) >= HAVE_CURRENT_DATA) return false;
    return state === NETWORK_LOADING || isWanted(element, player);
  }

  /**
   * Takes the steps that wait for data, if they are there.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function proceed(element, player) {
    if (!hasData(element, player)) {
      if (runsDry(player)) {
        anchor(element, player);
        player.blocked = true;
        tell(element, "timeupdate");
        tell(element, "waiting");
      }
      return;
    }
    if (!player.ready) {
      player.ready = true;
      player.until = endOfFragment(browser.address(element));
      if (!player.placed) player.value = browser.time(element);
      else if (player.value > 0) beginSeek(element, player);
    }
    if (player.autoplay && !player.started) begin(element, player);
    else if (player.blocked && !player.seeking) {
      player.blocked = false;
      player.at = kernel.now;
      notifyPlaying(element, player);
    }
  }

  /** Whether an element has to wait that has reached the end of its data. @param {Player} player */
  const runsDry = (player) => player.scripted && player.playing && !player.blocked && !player.seeking;

  /** Takes them for an element that had data before it was first seen. @param {HTMLMediaElement} element @param {Player} player */
  function catchUp(element, player) {
    if (!player.ready) proceed(element, player);
  }

  /**
   * Whether an element waits for something that will come while time stands still.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function pends(element, player) {
    if (browser.isLive(element)) return false;
    if (browser.error(element) || browser.networkState(element) === NETWORK_NO_SOURCE) return !player.failed;
    if (isLoading(element, player)) return true;
    if (!hasData(element, player)) return runsDry(player);
    return !player.ready || (player.isVideo && !player.examined) || player.seeking || player.blocked || (player.autoplay && !player.started);
  }

  /** Whether any of them does. */
  function anyPends() {
    let found = false;
    players.forEach((player, element) => {
      if (!found && pends(element, player)) found = true;
    });
    return found;
  }

  // -- the end

  /**
   * Whether an element stands at its end.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function hasEnded(element, player) {
    const length = browser.duration(element);
    return !browser.loops(element) && NumberIsFinite(length) && length > 0 && position(element, player) >= length;
  }

  /** Ends what has reached its end by now, or the end of the part that its address asks for. */
  function end() {
    players.forEach((player, element) => {
      if (!player.playing || player.blocked || player.seeking) return;
      if (player.until !== null && position(element, player) >= player.until - ROUNDING) {
        pause(element);
        player.until = null;
      } else if (browser.loops(element)) {
        beginAnew(element, player);
      } else if (hasEnded(element, player)) {
        player.value = player.told = browser.duration(element);
        player.playing = false;
        tell(element, "timeupdate");
        tell(element, "pause");
        settlePromises(player, false, true);
        tell(element, "ended");
      }
    });
  }

  /**
   * Tells that an element which loops has begun anew, which is a seek to its start.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function beginAnew(element, player) {
    const length = browser.duration(element);
    if (!NumberIsFinite(length) || length <= 0) return;
    const reached = player.value + ((kernel.now - player.at) / 1000) * browser.rate(element);
    const rounds = roundsOf(reached, length);
    if (rounds <= player.rounds) return;
    player.rounds = rounds;
    tell(element, "seeking");
    tell(element, "timeupdate");
    tell(element, "seeked");
  }

  /** The virtual time at which the next element ends or begins anew, Infinity if none does. */
  function nextEnd() {
    let next = Infinity;
    players.forEach((player, element) => {
      if (!player.playing || player.blocked || player.seeking) return;
      const length = browser.duration(element);
      const goal = player.until ?? (browser.loops(element) ? length * (player.rounds + 1) : length);
      const left = goal - player.value;
      if (!(left > 0)) return;
      next = min(next, player.at + (left / browser.rate(element)) * 1000);
    });
    return next;
  }

  /** Tells of the position of what plays, if it has moved. */
  function tellPositions() {
    players.forEach((player, element) => {
      if (!player.playing || player.blocked || player.seeking) return;
      const reached = position(element, player);
      if (player.told === reached) return;
      player.told = reached;
      tell(element, "timeupdate");
    });
  }

  return {
    __proto__: null,
    ...{ players, of, position, stateOf, hasEnded },
    ...{ play, playWithPromise, pause, seek, endSeek, reload, startLoading, anchor },
    ...{ isWanted, isUndecided, isLoading, hasData, proceed, pends, anyPends, settlePromises },
    ...{ end, nextEnd, tellPositions },
  };
}

/** @typedef {ReturnType<typeof createPlayback>} Playback */

/** @param {boolean} isVideo @returns {Player} */
function newPlayer(isVideo) {
  return {
    __proto__: null,
    isVideo,
    ...{ playing: false, blocked: false, seeking: false, ready: false, placed: false, scripted: false },
    ...{ value: 0, at: kernel.now, until: null, rounds: 0, givenUp: null },
    promises: list(),
    ...{ autoplay: false, started: false, connected: false, failed: false, examined: false, loads: 0 },
    ...{ told: null, canPlay: false, canPlayThrough: false },
    ...{ shown: null, state: null, arrivals: 0, fresh: false },
    ...{ picture: undefined, presented: 0, callbacks: new SafeMap(), heard: undefined, hearings: 0 },
  };
}
