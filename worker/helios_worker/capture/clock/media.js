// <video> and <audio>: their time is the page's virtual time. The element itself stays paused and is sought.
//
// Two things make a picture late. What the browser says it presents may be what it presented before a seek: a picture
// counts once its seek has ended and it has been heard of since. And a video is a surface of its own, which hands its
// picture over some time after that, or not at all while the one before has not been drawn: a page with videos is drawn
// until nothing changes any more, and they are asked for their picture before each drawing (docs/decisions/0020).

if (isWindow) {
  const states = new WeakMap(); // element -> what it does
  const players = new Map(); // those of `states` that something may still come of
  const proto = HTMLMediaElement.prototype;
  const own = (name) => Object.getOwnPropertyDescriptor(proto, name);
  const nativeTime = own("currentTime");
  const nativePaused = own("paused").get;
  const nativePlay = proto.play;
  const nativePause = proto.pause;
  const nativeRate = own("playbackRate");
  const nativeAutoplay = own("autoplay");
  const nativeFrameCallback = HTMLVideoElement.prototype.requestVideoFrameCallback;
  const nativeCancelFrameCallback = HTMLVideoElement.prototype.cancelVideoFrameCallback;
  let lastCallback = 0;
  const isMedia = (element) => element instanceof HTMLMediaElement;
  const isVideo = (element) => element instanceof HTMLVideoElement;
  const moment = (milliseconds) => new native.Promise((resolve) => native.setTimeout(resolve, milliseconds));
  const SAME = 1e-6; // seconds: the browser's own resolution
  const ROUNDING = 1e-9; // seconds: 0.2 + 1.4 is a hair less than two rounds of 0.8

  /**
   * What an element does: `playing` from the position `value`, in seconds, at the virtual time `at`; with `autoplay` it starts
   * by itself, unless it was `started` or paused before.
   * `shown`: the position that was sought last, null before the first. `picture`: media time of the last picture that the
   * page was told of, `presented`: how many those were. `heard`: media time of the last one that the browser presented,
   * `hearings`: how many it did.
   */
  function player(element) {
    let state = states.get(element);
    if (!state) {
      state = { playing: false, autoplay: false, started: false, connected: false, at: kernel.now, value: 0, shown: null };
      Object.assign(state, { picture: undefined, presented: 0, callbacks: new Map(), heard: undefined, hearings: 0 });
      states.set(element, state);
      if (isVideo(element)) listen(element, state);
    }
    players.set(element, state);
    return state;
  }

  function listen(element, state) {
    nativeFrameCallback.call(element, (_, { mediaTime }) => {
      state.heard = mediaTime;
      state.hearings += 1;
      listen(element, state);
    });
  }

  /** A camera, a canvas, a call: what has no time of its own is left to the browser. */
  const isLive = (element) => globalThis.MediaStream !== undefined && element.srcObject instanceof MediaStream;

  /** An element that nothing has been done with shows its poster, or nothing while it may not load. */
  const isUntouched = (element, state) =>
    !state.started && state.value === 0 && state.shown === null && (element.preload === "none" || element.poster);

  const rate = (element) => element.playbackRate;

  function position(element, state) {
    let value = state.playing ? state.value + ((kernel.now - state.at) / 1000) * rate(element) : state.value;
    const length = element.duration;
    if (!Number.isFinite(length) || length <= 0 || value < length - ROUNDING) return value;
    return element.loop ? Math.max(0, value - length * Math.floor((value + ROUNDING) / length)) : length;
  }

  const tell = (element, type) => element.dispatchEvent(new Event(type));

  function play(element) {
    const state = player(element);
    if (state.playing) return;
    if (position(element, state) >= element.duration) state.value = 0;
    state.playing = state.started = true;
    state.at = kernel.now;
    if (element instanceof HTMLAudioElement) realm.sounds(element);
    tell(element, "play");
    tell(element, "playing");
  }

  function pause(element) {
    const state = player(element);
    if (!state.playing) return;
    state.value = position(element, state);
    state.playing = false;
    tell(element, "pause");
  }

  patch(proto, "play", function () {
    if (isLive(this)) return nativePlay.call(this);
    play(this);
    return native.Promise.resolve();
  });
  patch(proto, "pause", function () {
    player(this).started = true;
    pause(this);
    nativePause.call(this);
  });
  patch(proto, "paused", { get() { return !player(this).playing; } });
  patch(proto, "currentTime", {
    get() {
      return position(this, player(this));
    },
    set(value) {
      const seconds = Number(value);
      if (!Number.isFinite(seconds)) return nativeTime.set.call(this, value); // which throws
      const state = player(this);
      state.value = Math.max(0, seconds);
      state.at = kernel.now;
      tell(this, "seeking");
      tell(this, "seeked");
    },
  });
  patch(proto, "ended", {
    get() {
      const state = player(this);
      return !this.loop && Number.isFinite(this.duration) && position(this, state) >= this.duration;
    },
  });
  patch(HTMLVideoElement.prototype, "requestVideoFrameCallback", function (callback) {
    player(this).callbacks.set((lastCallback += 1), callback);
    return lastCallback;
  });
  patch(HTMLVideoElement.prototype, "cancelVideoFrameCallback", function (id) {
    player(this).callbacks.delete(id);
  });

  patch(proto, "playbackRate", {
    set(value) {
      const state = player(this);
      state.value = position(this, state);
      state.at = kernel.now;
      nativeRate.set.call(this, value);
    },
  });
  patch(proto, "autoplay", {
    get() {
      return player(this).autoplay || nativeAutoplay.get.call(this);
    },
    set(value) {
      player(this).autoplay = Boolean(value);
      nativeAutoplay.set.call(this, false);
    },
  });

  /** An element that loads something new begins at its start. */
  function reload(element) {
    Object.assign(player(element), { playing: false, started: false, value: 0, shown: null, picture: undefined });
  }
  for (const name of ["src", "srcObject", "load"]) after(proto, name, reload);
  after(Element.prototype, "setAttribute", (element, [name]) => {
    if (name === "src" && isMedia(element)) reload(element);
  });
  after(Element.prototype, "removeAttribute", (element, [name]) => {
    if (name === "autoplay" && isMedia(element)) player(element).autoplay = false;
  });
  for (const { prototype } of [Element, ShadowRoot]) after(prototype, "setHTMLUnsafe", (tree) => realm.findOpenRoots(tree));

  // Where elements may have come since the last look: the document, and shadow roots in which something changed.
  const changedRoots = new Set();
  const noteRoots = (records) => {
    for (const { target } of records) changedRoots.add(target.getRootNode());
  };
  const insertions = new MutationObserver(noteRoots);

  const observeAnimations = realm.observe;
  realm.observe = () => {
    observeAnimations();
    noteRoots(insertions.takeRecords());
    for (const root of [document, ...changedRoots]) {
      for (const element of root.querySelectorAll("video,audio")) player(element);
    }
    changedRoots.clear();
    for (const [element, state] of players) {
      takeOver(element, state);
      if (state.connected && !element.isConnected) pause(element); // HTML standard: "when a media element is removed"
      state.connected = element.isConnected;
      if (state.autoplay && !state.started) begin(element, state);
      const rests = !state.connected && !state.playing && state.callbacks.size === 0;
      if (rests && state.shown !== null && Math.abs(position(element, state) - state.shown) <= SAME) players.delete(element);
    }
  };

  function begin(element, state) {
    if (!isLive(element)) return play(element);
    state.started = true;
    nativePlay.call(element).catch(() => {});
  }

  /** No element plays by itself, whatever its attributes say. */
  function takeOver(element, state) {
    if (isLive(element)) return realm.showsLive();
    if (!nativePaused.call(element)) nativePause.call(element);
    if (!nativeAutoplay.get.call(element)) return;
    nativeAutoplay.set.call(element, false);
    state.autoplay = true;
  }
  function onLoadStart({ target }) {
    if (!isMedia(target)) return;
    const state = player(target);
    takeOver(target, state);
    state.shown = null;
  }
  /** Once for each tree: its media events stay within it. */
  realm.watchMedia = (root) => {
    root.addEventListener("loadstart", onLoadStart, true);
    if (root === window) return;
    insertions.observe(root, { childList: true, subtree: true });
    changedRoots.add(root);
  };
  realm.watchMedia(window);
  /** Open roots that were written in the markup. */
  realm.findOpenRoots = (tree = document) => {
    for (const { shadowRoot } of tree.querySelectorAll("*")) {
      if (!shadowRoot) continue;
      realm.watchMedia(shadowRoot);
      realm.findOpenRoots(shadowRoot);
    }
  };

  const awaited = new Map(); // element -> what it does
  realm.pendingMedia = () => [...awaited].map(([element, does]) => `${element.localName} ${element.currentSrc} ${does}`);

  const hasPicture = (element) => !element.error && element.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  const { NETWORK_EMPTY, NETWORK_NO_SOURCE } = HTMLMediaElement;
  const loads = ({ error, currentSrc, networkState }) =>
    !error && currentSrc && networkState !== NETWORK_EMPTY && networkState !== NETWORK_NO_SOURCE;

  async function load(element) {
    awaited.set(element, "loads");
    while (loads(element) && !hasPicture(element)) await moment(2);
    awaited.delete(element);
  }

  /** Where to seek for a position: half a millisecond into its picture, whose own start may be rounded either way. */
  function target(element, seconds) {
    const { seekable, duration } = element;
    if (seekable.length === 0) return nativeTime.get.call(element);
    const last = Math.min(seekable.end(seekable.length - 1), Math.max(0, duration - 0.001));
    if (seekable.end(seekable.length - 1) === 0 && duration > 0 && seconds > 0) realm.cannotSeek(element);
    return Math.max(seekable.start(0), Math.min(seconds + 0.0005, last));
  }

  /** Begins to seek. What it returns says whether the picture has come, once `frames` of the browser's have been drawn. */
  function seek(element, state, seconds) {
    const heard = state.hearings;
    const types = ["seeked", "error", "emptied"];
    let ended = false;
    let visible = false;
    const end = (event) => (ended ||= event.isTrusted);
    for (const type of types) element.addEventListener(type, end);
    // A frame of another origin that cannot be seen has no animation frames, and hears of no picture.
    native.requestAnimationFrame(() => (visible = true));
    awaited.set(element, "seeks");
    nativeTime.set.call(element, seconds);
    return (frames) => {
      const silent = element.videoWidth === 0 || element.error || (frames >= 10 && !visible);
      if (!ended || !(silent || state.hearings > heard)) return false;
      for (const type of types) element.removeEventListener(type, end);
      awaited.delete(element);
      return true;
    };
  }

  /** Seeks what has moved on; the players whose picture may be new. patient: waits for what still loads. */
  async function seekAll(patient) {
    const moved = new Map();
    const seeks = [];
    let first = false;
    for (const [element, state] of players) {
      if (!isVideo(element) || isLive(element) || isUntouched(element, state)) continue;
      if (element.preload === "none") element.preload = "auto";
      if (patient) await load(element);
      if (!hasPicture(element)) continue;
      const seconds = position(element, state);
      if (state.shown !== null && Math.abs(seconds - state.shown) <= SAME) continue;
      const wanted = target(element, seconds);
      first ||= state.shown === null;
      state.shown = seconds;
      moved.set(element, state);
      // The browser does nothing about a seek to where it stands.
      if (Math.abs(wanted - nativeTime.get.call(element)) > SAME) seeks.push(seek(element, state, wanted));
    }
    for (let frames = 0; !seeks.every((arrived) => arrived(frames)); frames += 1) {
      await kernel.nativeFrame("draw");
      await moment(frames < 10 ? 0 : 2);
    }
    if (first) {
      // What was heard may be the picture that loading presented; after two frames the seek's was, too.
      await kernel.nativeFrame("draw");
      await kernel.nativeFrame("draw");
    }
    return moved;
  }

  /** Tells a page of a video's new picture. */
  function present(element, state) {
    if (state.heard === undefined || state.heard === state.picture) return;
    state.picture = state.heard;
    state.presented += 1;
    const callbacks = [...state.callbacks.values()];
    state.callbacks.clear();
    const metadata = {
      presentationTime: now(),
      expectedDisplayTime: now(),
      width: element.videoWidth,
      height: element.videoHeight,
      mediaTime: state.picture,
      presentedFrames: state.presented,
      processingDuration: 0,
    };
    for (const callback of callbacks) callPage(callback, element, [now(), metadata]);
  }

  /** Before the animation callbacks, so that they draw the picture of their own frame, and again for what they sought. loaded: no others. */
  realm.showMedia = async ({ loaded = false } = {}) => {
    for (const [element, state] of await seekAll(!loaded)) {
      present(element, state);
      if (state.playing) tell(element, "timeupdate");
    }
    realm.endMedia();
  };

  /** Has the videos hand over the picture they present, in case they were kept from it. Whether there are any. */
  realm.handOverPictures = () => {
    let any = false;
    for (const element of players.keys()) {
      if (!isVideo(element) || isLive(element) || !element.isConnected || !hasPicture(element)) continue;
      any = true;
      nativeCancelFrameCallback.call(element, nativeFrameCallback.call(element, () => {}));
    }
    return any;
  };

  const animationBoundary = realm.nextBoundary;
  realm.nextBoundary = () => {
    let next = animationBoundary();
    for (const [element, state] of players) {
      const left = element.duration - state.value;
      if (state.playing && !element.loop && left > 0) next = Math.min(next, state.at + (left / rate(element)) * 1000);
    }
    return next;
  };

  realm.endMedia = () => {
    for (const [element, state] of players) finish(element, state);
  };

  function finish(element, state) {
    if (state.playing && element.ended) {
      state.value = element.duration;
      state.playing = false;
      tell(element, "pause");
      tell(element, "ended");
    }
  }
}
