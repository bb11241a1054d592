// The browser's own functions, kept before any script of the page can replace them, and two ways to wait for tasks.
//
// The page gets replacements for most of them: timers.js, frames.js and media.js say which.

const native = {
  setTimeout: globalThis.setTimeout.bind(globalThis),
  clearTimeout: globalThis.clearTimeout.bind(globalThis),
  requestAnimationFrame: typeof window === "object" ? window.requestAnimationFrame.bind(window) : undefined,
  MessageChannel: globalThis.MessageChannel,
  Promise: globalThis.Promise,
  /** @type {Scheduler["postTask"] | undefined} */
  postTask: globalThis.scheduler && globalThis.scheduler.postTask.bind(globalThis.scheduler),
};

/**
 * Lets every task the page has queued run, with its microtasks. Takes about 8 µs.
 * @type {() => Promise<void>}
 */
const macrotask = (() => {
  const channel = new native.MessageChannel();
  const { postMessage } = channel.port2;
  /** @type {(() => void)[]} */
  const waiting = [];
  channel.port1.onmessage = () => waiting.shift()?.();
  return () =>
    new native.Promise((resolve) => {
      waiting.push(resolve);
      postMessage.call(channel.port2, 0);
    });
})();

/**
 * Waits until the page has no task left to run.
 *
 * A background task runs only when nothing else is queued, after about 8 µs; tasks of the clock's own would delay it.
 * The second one waits for background tasks of the page's. The wait ends after 50 ms for a page that never stops
 * posting messages to itself.
 * @returns {Promise<void>}
 */
function quiet() {
  const { postTask } = native;
  if (!postTask) return macrotask();
  return new native.Promise((resolve) => {
    const limit = native.setTimeout(resolve, 50);
    /** @type {SchedulerPostTaskOptions} */
    const background = { priority: "background" };
    const done = () => {
      native.clearTimeout(limit);
      resolve();
    };
    postTask(() => postTask(done, background), background);
  });
}

/** The browser's own methods and properties of <video> and <audio>, which media_api.js replaces for the page. */
function nativeMediaApi() {
  const media = HTMLMediaElement.prototype;
  const video = HTMLVideoElement.prototype;
  return {
    play: media.play,
    pause: media.pause,
    paused: accessor(media, "paused"),
    currentTime: accessor(media, "currentTime"),
    playbackRate: accessor(media, "playbackRate"),
    autoplay: accessor(media, "autoplay"),
    requestVideoFrameCallback: video.requestVideoFrameCallback,
    cancelVideoFrameCallback: video.cancelVideoFrameCallback,
  };
}

/** @typedef {ReturnType<typeof nativeMediaApi>} NativeMedia */
