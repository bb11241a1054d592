// What a page has its videos and sounds do, and what it is told of that.
//
// Loading takes no virtual time (pictures.js waits), nor does seeking. media_api.js notes what the page calls,
// media_elements.js what comes and goes, and pictures.js seeks the elements to their positions. The steps and their events
// are those of the HTML standard, "media elements". Long, because they call each other.

/**
 * @param {NativeMedia} browser
 * @param {MediaEvents} events
 * @param {Players} roster
 * @param {Loading} loading
 */
function createPlayback(browser, events, roster, loading) {
  const { tell, queueTask } = events;
  const { players, of, position, roundsOf, anchor, isAtEnd, hasEnded, isToStart, stateOf, startLoading } = roster;
  const { hasData, isLoading } = loading;
  const { loaded } = kernel.heard;
  const { HAVE_NOTHING, NETWORK_NO_SOURCE } = HTMLMediaElement;
  const documentState = getterOf(Document.prototype, "readyState");
  /** Hears what the browser says of an element. @param {HTMLMediaElement} element @param {string} type of its event */
  function hear(element, type) {
    const player = of(element);
    if (type === "loadstart") noteLoad(element, player);
    if (type === "loadedmetadata") noteLength(element, player);
    if (type === "ratechange") noteRate(element, player); // as it loads something new, it takes its default
    if (type === "seeked") player.arrivals += 1;
    // Later seeks of the clock's make the browser say so again.
    if (type === "canplay" && !player.canPlay) {
      player.canPlay = true;
      if (!player.seeking) tell(element, type); // else at the end of the seek
      proceed(element, player);
    }
    if (type === "canplaythrough" && !player.canPlayThrough) {
      player.canPlayThrough = true;
      if (!player.seeking) tell(element, type);
    }
  }
  events.hearWith(hear);

  // -- what the page calls

  /** @param {HTMLMediaElement} element */
  function play(element) {
    const player = of(element);
    player.started = true;
    catchUp(element, player);
    if (isAtEnd(element, player)) seek(element, 0);
    if (player.playing) {
      if (!player.blocked) settlePromises(player, false);
      return;
    }
    begin(element, player);
  }

  /** Tells of an element's rate, if that is another: a script may set it in each frame. @param {HTMLMediaElement} element @param {Player} player */
  function noteRate(element, player) {
    const rate = browser.rate(element);
    if (rate === player.rate) return;
    player.rate = rate;
    tell(element, "ratechange");
  }

  /** @param {HTMLMediaElement} element @param {Player} player */
  function begin(element, player) {
    player.playing = player.started = true;
    player.at = kernel.now;
    player.blocked = player.seeking || !hasData(element, player);
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
   * @param {boolean} hadFile whether it had something to load before; else it goes on waiting for it, if it plays
   */
  function reload(element, hadFile) {
    const player = of(element);
    if (hadFile) {
      player.playing = false;
      settlePromises(player, false, true);
    }
    player.started = player.playing;
    player.value = 0;
    player.at = kernel.now;
    player.picture = undefined;
    startLoading(player);
    if (browser.isLive(element)) refuseLive(element, player);
    void events.expect();
  }

  /**
   * Has a video refused that shows a live stream. One that is only heard is not.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function refuseLive(element, player) {
    if (player.isVideo && browser.hasLivePictures(element)) realm.showsLive();
    else realm.playsLive();
    // The document would not finish loading before the stream has a picture, which only drawing the document may make, or a
    // sound, which it may never have.
    if (documentState(document) !== "complete") browser.setSrcObject(element, null);
  }

  // -- loading

  /**
   * The browser begins to load a file. It must not play it by itself once it has data.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function noteLoad(element, player) {
    browser.pause(element);
    loaded.add(browser.address(element));
    if (player.ready || player.failed) startLoading(player);
    player.loads = max(1, player.loads);
  }

  /**
   * The browser knows a file's length. An element goes to the position that was set before, or for which its address asks.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function noteLength(element, player) {
    const fragment = fragmentOf(browser.address(element));
    player.until = fragment.end;
    if (!player.placed && fragment.start !== null) {
      player.value = fragment.start;
      player.placed = true;
    }
    if (player.placed && player.value > 0) beginSeek(element, player);
  }

  /**
   * Tells that a file can be played to its end, which the browser says by the time that its data take, and a film takes none.
   * @param {HTMLMediaElement} element
   */
  function completeLoad(element) {
    hear(element, "canplay");
    hear(element, "canplaythrough");
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
      const fragment = fragmentOf(browser.address(element));
      player.until = fragment.end;
      // One in a closed root may have played until the clock was given the root: the clock has not seen it load.
      if (!player.placed) player.value = player.loads > 0 ? browser.time(element) : (fragment.start ?? 0);
      else if (player.value > 0 && !player.seeking && player.shown === null) beginSeek(element, player);
    }
    if (isToStart(element, player) && !player.seeking) begin(element, player);
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
    if (browser.error(element) || browser.networkState(element) === NETWORK_NO_SOURCE) return !player.reported;
    if (isLoading(element, player)) return true;
    if (!hasData(element, player)) return runsDry(player);
    return !player.ready || (player.isVideo && !player.examined) || player.seeking || player.blocked || isToStart(element, player);
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
   * Tells that an element which loops has begun anew, which is a seek to its start, with what browsers say of one.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function beginAnew(element, player) {
    const length = browser.duration(element);
    if (!NumberIsFinite(length) || length <= 0) return;
    const rate = browser.rate(element);
    const rounds = roundsOf(player.value + ((kernel.now - player.at) / 1000) * rate, length);
    if (rounds < 1) return;
    player.at = min(kernel.now, player.at + ((length * rounds - player.value) / rate) * 1000);
    player.value = 0;
    tell(element, "seeking");
    tell(element, "waiting");
    tell(element, "timeupdate");
    tell(element, "seeked");
    tell(element, "canplay");
    tell(element, "playing");
    tell(element, "canplaythrough");
  }

  /** The virtual time at which the next element ends or begins anew, Infinity if none does. */
  function nextEnd() {
    let next = Infinity;
    players.forEach((player, element) => {
      if (!player.playing || player.blocked || player.seeking) return;
      const left = (player.until ?? browser.duration(element)) - player.value;
      if (!(left > 0)) return;
      next = min(next, player.at + (left / browser.rate(element)) * 1000);
    });
    return next;
  }

  return {
    __proto__: null,
    ...{ play, playWithPromise, pause, seek, endSeek, reload, refuseLive, noteRate },
    ...{ completeLoad, proceed, anyPends, settlePromises, end, nextEnd },
  };
}

/** @typedef {ReturnType<typeof createPlayback>} Playback */
