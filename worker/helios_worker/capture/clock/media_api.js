// What a page calls and reads of its videos and sounds: the API of HTMLMediaElement, answered by playback.js.

/**
 * @param {Playback} playback
 * @param {NativeMedia} browser
 */
function replaceMediaApi(playback, browser) {
  const media = HTMLMediaElement.prototype;
  const video = HTMLVideoElement.prototype;
  const { position, of } = playback;

  patch(media, "play", function () {
    if (isLive(this)) return browser.play.call(this);
    playback.play(this);
    return native.Promise.resolve();
  });
  patch(media, "pause", function () {
    of(this).started = true;
    playback.pause(this);
    browser.pause.call(this);
  });
  patch(media, "paused", {
    get() {
      return !of(this).playing;
    },
  });
  patch(media, "ended", {
    get() {
      const player = of(this);
      return !this.loop && Number.isFinite(this.duration) && position(this, player) >= this.duration;
    },
  });
  patch(media, "currentTime", {
    get() {
      return position(this, of(this));
    },
    set(value) {
      const seconds = Number(value);
      if (!Number.isFinite(seconds)) return browser.currentTime.set.call(this, value); // which throws
      const player = of(this);
      player.value = Math.max(0, seconds);
      player.at = kernel.now;
      tell(this, "seeking");
      tell(this, "seeked");
    },
  });
  patch(media, "playbackRate", {
    set(value) {
      const player = of(this);
      player.value = position(this, player);
      player.at = kernel.now;
      browser.playbackRate.set.call(this, value);
    },
  });
  patch(media, "autoplay", {
    get() {
      return of(this).autoplay || browser.autoplay.get.call(this);
    },
    set(value) {
      of(this).autoplay = Boolean(value);
      browser.autoplay.set.call(this, false);
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

  for (const name of ["src", "srcObject", "load"]) after(media, name, playback.reload);
  after(Element.prototype, "setAttribute", (element, [name]) => {
    if (name === "src" && isMedia(element)) playback.reload(element);
  });
  after(Element.prototype, "removeAttribute", (element, [name]) => {
    if (name === "autoplay" && isMedia(element)) of(element).autoplay = false;
  });
}
