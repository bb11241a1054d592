// What a page calls and reads of its videos and sounds: the API of HTMLMediaElement, answered by playback.js.

/**
 * @param {Players} roster
 * @param {Playback} playback
 * @param {NativeMedia} browser
 * @param {MediaEvents} events
 */
function replaceMediaApi(roster, playback, browser, events) {
  const media = HTMLMediaElement.prototype;
  const video = HTMLVideoElement.prototype;
  const { position, of, hasEnded } = roster;
  const { isLive, isMedia } = browser;
  const { NETWORK_EMPTY, HAVE_METADATA } = HTMLMediaElement;

  /** Plays a live stream that has no picture: the browser may refuse to, since nobody has clicked. @param {HTMLMediaElement} element */
  const playHearable = (element) =>
    new NativePromise((resolve) => {
      const done = () => resolve(undefined);
      whenSettled(browser.play(element), done, done);
    });
  patch(media, "play", function () {
    if (isLive(this)) return browser.hasLivePictures(this) ? browser.play(this) : playHearable(this);
    return playback.playWithPromise(this);
  });
  patch(media, "pause", function () {
    of(this).started = true;
    playback.pause(this);
    browser.pause(this);
  });
  patch(media, "paused", {
    __proto__: null,
    get() {
      return isLive(this) ? browser.isPaused(this) : !of(this).playing;
    },
  });
  patch(media, "ended", {
    __proto__: null,
    get() {
      const player = of(this);
      return !player.seeking && hasEnded(this, player);
    },
  });
  patch(media, "currentTime", {
    __proto__: null,
    get() {
      return position(this, of(this));
    },
    set(value) {
      const seconds = NativeNumber(value);
      if (!NumberIsFinite(seconds)) return browser.setTime(this, value); // which throws
      if (isLive(this)) browser.setTime(this, seconds);
      else playback.seek(this, seconds);
    },
  });
  patch(media, "seeking", {
    __proto__: null,
    get() {
      return of(this).seeking;
    },
  });
  patch(media, "readyState", {
    __proto__: null,
    get() {
      return roster.stateOf(this);
    },
  });
  patch(media, "buffered", {
    __proto__: null,
    get() {
      const whole = browser.seekable(this);
      const isKnown = browser.readyState(this) >= HAVE_METADATA && browser.rangeCount(whole) > 0 && browser.rangeEnd(whole, 0) > 0;
      return isKnown && roster.isWhole(this) ? whole : browser.buffered(this);
    },
  });
  patch(media, "playbackRate", {
    __proto__: null,
    set(value) {
      roster.anchor(this, of(this));
      browser.setRate(this, value);
      playback.noteRate(this, of(this));
    },
  });
  after(media, "autoplay", of);

  let lastCallback = 0;
  patch(video, "requestVideoFrameCallback", function (callback) {
    of(this).callbacks.set((lastCallback += 1), callback);
    return lastCallback;
  });
  patch(video, "cancelVideoFrameCallback", function (id) {
    of(this).callbacks.delete(id);
  });

  // Ours has to be there before the page's. On their way to an element, its events pass listeners that capture them.
  const { value: addListener } = descriptorOf(EventTarget.prototype, "addEventListener");
  patch(EventTarget.prototype, "addEventListener", function (...args) {
    const type = args.length > 0 ? args[0] : undefined;
    const target = this === undefined || this === null ? window : this;
    if (events.isOurs(type)) {
      if (isMedia(target)) of(target);
      else if (args.length > 2 && args[2] && (target === window || browser.isNode(target))) events.guard(target);
    }
    return ReflectApply(addListener, this, args);
  });

  // A script may fade a sound in each frame, and to wait for the browser each time would take long: the clock tells of it.
  /** @param {"volume" | "muted" | "defaultPlaybackRate"} name @param {string} type of the event that the page hears */
  const watchSetting = (name, type) => {
    const { get, set } = /** @type {any} */ (descriptorOf(media, name));
    patch(media, name, {
      __proto__: null,
      set(value) {
        const before = ReflectApply(get, this, []);
        ReflectApply(set, this, [value]);
        if (ReflectApply(get, this, []) === before) return;
        if (kernel.media.get(this)) events.tell(this, type);
        else void events.expect();
      },
    });
  };
  watchSetting("volume", "volumechange");
  watchSetting("muted", "volumechange");
  watchSetting("defaultPlaybackRate", "ratechange");

  /** @param {HTMLMediaElement} element */
  const hasFile = (element) => isMedia(element) && browser.networkState(element) !== NETWORK_EMPTY;
  const { value: load } = descriptorOf(media, "load");
  patch(media, "load", function () {
    const hadFile = hasFile(this);
    ReflectApply(load, this, []);
    playback.reload(this, hadFile);
  });
  /** @param {"src" | "srcObject"} name */
  const watchFile = (name) => {
    const { set } = descriptorOf(media, name);
    patch(media, name, {
      __proto__: null,
      set(value) {
        const hadFile = hasFile(this);
        ReflectApply(/** @type {any} */ (set), this, [value]);
        playback.reload(this, hadFile);
      },
    });
  };
  watchFile("src");
  watchFile("srcObject");
  after(Element.prototype, "setAttribute", (element, args) => {
    if (args[0] === "src" && isMedia(element)) playback.reload(element, of(element).loads > 0 || browser.address(element) !== "");
  });
}
