// What a page calls and reads of its videos and sounds: the API of HTMLMediaElement, answered by playback.js.

/**
 * @param {Playback} playback
 * @param {NativeMedia} browser
 */
function replaceMediaApi(playback, browser) {
  const media = HTMLMediaElement.prototype;
  const video = HTMLVideoElement.prototype;
  const { position, of } = playback;
  const { isLive, isMedia, tell } = browser;

  patch(media, "play", function () {
    if (isLive(this)) return browser.play(this);
    playback.play(this);
    return new NativePromise((resolve) => resolve(undefined));
  });
  patch(media, "pause", function () {
    of(this).started = true;
    playback.pause(this);
    browser.pause(this);
  });
  patch(media, "paused", {
    __proto__: null,
    get() {
      return !of(this).playing;
    },
  });
  patch(media, "ended", {
    __proto__: null,
    get() {
      return playback.hasEnded(this, of(this));
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
      const player = of(this);
      player.value = max(0, seconds);
      player.at = kernel.now;
      tell(this, "seeking");
      tell(this, "seeked");
    },
  });
  patch(media, "playbackRate", {
    __proto__: null,
    set(value) {
      const player = of(this);
      player.value = position(this, player);
      player.at = kernel.now;
      browser.setRate(this, value);
    },
  });
  patch(media, "autoplay", {
    __proto__: null,
    get() {
      return of(this).autoplay || browser.autoplay(this);
    },
    set(value) {
      of(this).autoplay = NativeBoolean(value);
      browser.setAutoplay(this, false);
    },
  });

  let lastCallback = 0;
  patch(video, "requestVideoFrameCallback", function (callback) {
    of(this).callbacks.set((lastCallback += 1), callback);
    return lastCallback;
  });
  patch(video, "cancelVideoFrameCallback", function (id) {
    of(this).callbacks.delete(id);
  });

  after(media, "src", playback.reload);
  after(media, "srcObject", playback.reload);
  after(media, "load", playback.reload);
  after(Element.prototype, "setAttribute", (element, args) => {
    if (args[0] === "src" && isMedia(element)) playback.reload(element);
  });
  after(Element.prototype, "removeAttribute", (element, args) => {
    if (args[0] === "autoplay" && isMedia(element)) of(element).autoplay = false;
  });
}
