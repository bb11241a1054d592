// <video> and <audio>: their time is the page's virtual time. The element itself stays paused and is sought.
//
// Two things make a picture late. What the browser says it presents may be what it presented before a seek: a picture
// counts once its seek has ended and it has been heard of since. And a video is a surface of its own, which hands its
// picture over some time after that, or not at all while the one before has not been drawn: a page with videos is drawn
// until nothing changes any more, and they are asked for their picture before each drawing (docs/decisions/0020).

if (isWindow) {
  const players = new Map(); // element -> player
  const proto = HTMLMediaElement.prototype;
  const own = (name) => Object.getOwnPropertyDescriptor(proto, name);
  const nativeTime = own("currentTime");
  const nativePaused = own("paused").get;
  const nativePause = proto.pause;
  const nativeFrameCallback = HTMLVideoElement.prototype.requestVideoFrameCallback;
  const nativeCancelFrameCallback = HTMLVideoElement.prototype.cancelVideoFrameCallback;
  let lastCallback = 0;
  const isVideo = (element) => element instanceof HTMLVideoElement;
  const moment = (milliseconds) => new native.Promise((resolve) => native.setTimeout(resolve, milliseconds));
  const ROUNDING = 1e-9; // seconds: 0.2 + 1.4 is a hair less than two rounds of 0.8

  /**
   * What an element does: `playing` from the position `value`, in seconds, at the virtual time `at`; `started` once it may
   * not start by itself any more.
   * `shown`: the position that was sought last, null before the first. `picture`: media time of the last picture that the
   * page was told of, `presented`: how many those were. `heard`: media time of the last one that the browser presented,
   * `hearings`: how many it did.
   */
  function player(element) {
    let state = players.get(element);
    if (!state) {
      state = { playing: false, started: false, connected: false, at: kernel.now, value: 0, shown: null };
      Object.assign(state, { picture: undefined, presented: 0, callbacks: new Map(), heard: undefined, hearings: 0 });
      players.set(element, state);
      if (isVideo(element)) listen(element, state);
    }
    return state;
  }

  function listen(element, state) {
    nativeFrameCallback.call(element, (_, { mediaTime }) => {
      state.heard = mediaTime;
      state.hearings += 1;
      listen(element, state);
    });
  }

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
      const state = player(this);
      state.value = Number(value);
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

  /** An element that loads something new begins at its start. */
  function reload(element) {
    const state = player(element);
    Object.assign(state, { playing: false, value: 0, shown: null, started: false, picture: undefined });
  }
  for (const name of ["src", "srcObject"]) {
    const { set } = own(name);
    patch(proto, name, {
      set(value) {
        reload(this);
        set.call(this, value);
      },
    });
  }
  patch(
    proto,
    "load",
    ((load) =>
      function () {
        reload(this);
        load.call(this);
      })(proto.load),
  );

  const observeAnimations = realm.observe;
  realm.observe = () => {
    observeAnimations();
    for (const root of [document, ...realm.shadowRoots]) {
      for (const element of root.querySelectorAll("video,audio")) player(element);
    }
    for (const [element, state] of players) {
      takeOver(element, state);
      if (state.connected && !element.isConnected) pause(element); // HTML standard: "when a media element is removed"
      state.connected = element.isConnected;
      if (state.autoplay && !state.started) play(element);
    }
  };

  /** No element plays by itself, whatever its attributes say. */
  function takeOver(element, state) {
    if (!nativePaused.call(element)) nativePause.call(element);
    if (!element.autoplay) return;
    element.removeAttribute("autoplay");
    state.autoplay = true;
  }
  function onLoadStart({ target }) {
    if (!(target instanceof HTMLMediaElement)) return;
    const state = player(target);
    takeOver(target, state);
    state.shown = null;
  }
  /** Once for each tree: its media events stay within it. */
  realm.watchMedia = (root) => root.addEventListener("loadstart", onLoadStart, true);
  realm.watchMedia(window);

  const awaited = new Map(); // element -> what it does
  realm.pendingMedia = () => [...awaited].map(([element, does]) => `${element.localName} ${element.currentSrc} ${does}`);

  /** Whether there is a picture, or none to be expected. */
  const loaded = ({ readyState, error, currentSrc, networkState }) =>
    readyState >= HTMLMediaElement.HAVE_CURRENT_DATA || error || !currentSrc || networkState === HTMLMediaElement.NETWORK_NO_SOURCE;

  async function load(element) {
    awaited.set(element, "loads");
    while (!loaded(element)) await moment(2);
    awaited.delete(element);
    return !element.error && element.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  /** Begins to seek. What it returns says whether the picture has come. */
  function seek(element, state, seconds) {
    const before = state.hearings;
    const types = ["seeked", "error", "emptied"];
    let ended = false;
    const end = (event) => (ended ||= event.isTrusted);
    for (const type of types) element.addEventListener(type, end);
    awaited.set(element, "seeks");
    // Half a millisecond into the picture: its own start may be rounded either way.
    nativeTime.set.call(element, Math.min(seconds + 0.0005, Math.max(0, element.duration - 0.001)));
    return () => {
      if (!ended || !(state.hearings > before || element.videoWidth === 0 || element.error)) return false;
      for (const type of types) element.removeEventListener(type, end);
      awaited.delete(element);
      return true;
    };
  }

  /** Seeks what has moved on; the players whose picture is new. */
  async function seekAll() {
    const seeks = [];
    const sought = new Map();
    for (const [element, state] of players) {
      if (!isVideo(element)) continue;
      if (element.preload === "none") {
        if (!state.playing && state.value === 0 && state.shown === null) continue;
        element.preload = "auto";
      }
      if (!(await load(element))) continue;
      const seconds = position(element, state);
      if (state.shown !== null && Math.abs(seconds - state.shown) <= 1e-6) continue;
      sought.set(element, state);
      seeks.push({ arrived: seek(element, state, seconds), first: state.shown === null });
      state.shown = seconds;
    }
    for (let round = 0; !seeks.every(({ arrived }) => arrived()); round += 1) {
      await kernel.nativeFrame("draw");
      await moment(round < 10 ? 0 : 2);
    }
    if (seeks.some(({ first }) => first)) {
      // What was heard may be the picture that loading presented; after two frames the seek's was, too.
      await kernel.nativeFrame("draw");
      await kernel.nativeFrame("draw");
    }
    return sought;
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

  /** Before the animation callbacks, so that they draw the picture of their own frame, and again for what they sought. */
  realm.showMedia = async () => {
    for (const [element, state] of await seekAll()) {
      present(element, state);
      if (state.playing) tell(element, "timeupdate");
    }
    realm.endMedia();
  };

  /** Has the videos hand over the picture they present, in case they were kept from it. Whether there are any. */
  realm.handOverPictures = () => {
    let any = false;
    for (const element of players.keys()) {
      if (!isVideo(element) || !element.isConnected || element.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
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
