// <video> and <audio>: their time is the page's virtual time. The element itself stays paused and is sought.

if (isWindow) {
  const players = new Map(); // element -> {playing, at, value, ended}
  const proto = HTMLMediaElement.prototype;
  const own = (name) => Object.getOwnPropertyDescriptor(proto, name);
  const nativeTime = own("currentTime");
  const nativePaused = own("paused").get;
  const nativePause = proto.pause;
  const frameCallback = HTMLVideoElement.prototype.requestVideoFrameCallback;
  let lastCallback = 0;
  const ROUNDING = 1e-9; // seconds: 0.2 + 1.4 is a hair less than two rounds of 0.8

  function player(element) {
    let state = players.get(element);
    if (!state) {
      state = { playing: false, at: kernel.now, value: 0, shown: null, callbacks: new Map(), presented: 0, autoplay: element.autoplay };
      players.set(element, state);
    }
    return state;
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
    state.playing = true;
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
  if (frameCallback) {
    patch(HTMLVideoElement.prototype, "requestVideoFrameCallback", function (callback) {
      player(this).callbacks.set((lastCallback += 1), callback);
      return lastCallback;
    });
    patch(HTMLVideoElement.prototype, "cancelVideoFrameCallback", function (id) {
      player(this).callbacks.delete(id);
    });
  }

  const observeAnimations = realm.observe;
  realm.observe = () => {
    observeAnimations();
    for (const element of document.querySelectorAll("video,audio")) {
      const state = player(element);
      if (!nativePaused.call(element)) nativePause.call(element);
      if (state.autoplay && !state.playing && !state.started) {
        element.removeAttribute("autoplay");
        state.started = true;
        play(element);
      }
    }
  };

  const loaded = (element) =>
    new native.Promise((resolve) => {
      if (element.readyState >= 2 || element.error || !element.currentSrc) return resolve();
      // A seek takes the data away for a moment: "loadeddata" comes once in a lifetime, "seeked" each time.
      for (const type of ["loadeddata", "seeked", "error", "emptied"]) element.addEventListener(type, resolve, { once: true });
    });

  /** Seeks to `seconds` and waits until that picture is the one on show. Resolves to its media time. */
  function show(element, seconds) {
    return new native.Promise((resolve) => {
      element.addEventListener("error", () => resolve(seconds), { once: true });
      if (frameCallback && element instanceof HTMLVideoElement) {
        frameCallback.call(element, (_, metadata) => resolve(metadata.mediaTime));
      } else {
        element.addEventListener("seeked", () => resolve(seconds), { once: true });
      }
      nativeTime.set.call(element, seconds);
    });
  }

  /** Before the animation callbacks, so that they draw the picture of their own frame, and again for what they sought. */
  realm.showMedia = async () => {
    for (const [element, state] of players) {
      if (!(element instanceof HTMLVideoElement)) {
        finish(element, state);
        continue;
      }
      if (!element.isConnected && state.callbacks.size === 0) continue;
      await loaded(element);
      if (element.error || element.readyState < 2) continue;
      const seconds = position(element, state);
      if (state.shown === null || Math.abs(seconds - state.shown) > 1e-6) {
        state.shown = seconds;
        // Half a millisecond into the picture: its own start may be rounded either way.
        const wanted = Math.min(seconds + 0.0005, Math.max(0, element.duration - 0.001));
        let picture;
        show(element, wanted).then((mediaTime) => (picture = mediaTime));
        for (let round = 0; round < 500 && picture === undefined; round += 1) {
          await kernel.nativeFrame("draw");
          if (picture === undefined) await new native.Promise((resolve) => native.setTimeout(resolve, round < 10 ? 0 : 2));
        }
        if (picture !== state.picture) {
          state.picture = picture;
          state.presented += 1;
          const callbacks = [...state.callbacks.values()];
          state.callbacks.clear();
          const metadata = {
            presentationTime: now(),
            expectedDisplayTime: now(),
            width: element.videoWidth,
            height: element.videoHeight,
            mediaTime: picture,
            presentedFrames: state.presented,
            processingDuration: 0,
          };
          for (const callback of callbacks) callPage(callback, element, [now(), metadata]);
        }
        if (state.playing) tell(element, "timeupdate");
      }
      finish(element, state);
    }
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
