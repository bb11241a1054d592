// The browser's own functions, kept before any script of the page can replace them, and two ways to wait for tasks.
//
// The page gets replacements for most of them: timers.js, frames.js and media.js say which.

const isWindow = typeof window === "object" && typeof document === "object";
/**
 * Whether the realm may run scripts. A frame with the attribute sandbox, for example, may not: none of its callbacks and
 * events are ever called, ours neither. Only its animations need a clock.
 */
const hasScripts = !isWindow || !window.matchMedia("(scripting: none)").matches;

const native = {
  __proto__: null,
  setTimeout: globalThis.setTimeout.bind(globalThis),
  clearTimeout: globalThis.clearTimeout.bind(globalThis),
  requestAnimationFrame: isWindow && hasScripts ? window.requestAnimationFrame.bind(window) : undefined,
  /** @type {Scheduler["postTask"] | undefined} */
  postTask: globalThis.scheduler && globalThis.scheduler.postTask.bind(globalThis.scheduler),
};

/** The browser's own rendering of sound, and what reads the result (audio_clocks.js). */
const nativeAudio = (() => {
  const { OfflineAudioContext: Offline } = globalThis;
  if (!Offline) return /** @type {any} */ ({ __proto__: null, Offline });
  const channels = getterOf(AudioBuffer.prototype, "numberOfChannels");
  const samples = methodOf(AudioBuffer.prototype, "getChannelData");
  const { fromCharCode } = String;
  const Floats = Float32Array;
  const Bytes = Uint8Array;
  const bytesOf = getterOf(/** @type {any} */ (ReflectGetPrototypeOf(Uint8Array.prototype)), "buffer");
  const toBase64 = globalThis.btoa;
  const PIECE = 12288; // bytes, which three and four divide
  return {
    __proto__: null,
    Offline,
    suspend: methodOf(Offline.prototype, "suspend"),
    resume: methodOf(Offline.prototype, "resume"),
    random: Math.random,
    /** A module of no content, run by a context's worklets after all that they were given before. @type {(context: BaseAudioContext) => Promise<void>} */
    afterWorklets: (() => {
      if (!globalThis.AudioWorklet) return () => nothing();
      const addModule = methodOf(Worklet.prototype, "addModule");
      const workletOf = getterOf(BaseAudioContext.prototype, "audioWorklet");
      let count = 0;
      return (/** @type {BaseAudioContext} */ context) => addModule(workletOf(context), `data:text/javascript,${(count += 1)}`);
    })(),
    start: methodOf(AudioBufferSourceNode.prototype, "start"),
    stop: methodOf(AudioBufferSourceNode.prototype, "stop"),
    startRendering: methodOf(Offline.prototype, "startRendering"),
    channels,
    /** The first samples of a channel. @param {AudioBuffer} buffer @param {number} channel @param {number} count */
    copy(buffer, channel, count) {
      const whole = samples(buffer, channel);
      if (count === whole.length) return whole;
      const part = new Floats(count);
      for (let at = 0; at < count; at += 1) part[at] = whole[at];
      return part;
    },
    /** Samples of all channels side by side, as 32-bit floats in base64. @param {Float32Array[]} sides @param {number} from @param {number} count */
    encode(sides, from, count) {
      const width = sides.length;
      const floats = new Floats(count * width);
      for (let at = 0; at < count; at += 1) {
        for (let channel = 0; channel < width; channel += 1) floats[at * width + channel] = sides[channel][from + at];
      }
      const bytes = new Bytes(/** @type {any} */ (bytesOf(floats)));
      const size = count * width * 4;
      let text = "";
      for (let start = 0; start < size; start += PIECE) {
        const codes = list();
        for (let at = start; at < min(start + PIECE, size); at += 1) append(codes, bytes[at]);
        text += toBase64(ReflectApply(fromCharCode, undefined, codes));
      }
      return text;
    },
  };
})();

/** @returns {Promise<void>} */
const nothing = () => new NativePromise((resolve) => resolve(undefined));

/**
 * Lets every task the page has queued run, with its microtasks. Takes about 8 µs.
 * @type {() => Promise<void>}
 */
const macrotask = (() => {
  if (!hasScripts) return nothing;
  const channel = new MessageChannel();
  const { port1, port2 } = channel;
  const postMessage = methodOf(MessagePort.prototype, "postMessage");
  /** @type {(() => void)[]} */
  const waiting = list();
  let next = 0;
  port1.onmessage = () => {
    const resolve = waiting[next];
    next += 1;
    if (next === waiting.length) waiting.length = next = 0;
    resolve();
  };
  return () =>
    new NativePromise((resolve) => {
      append(waiting, () => resolve(undefined));
      postMessage(port2, 0);
    });
})();

const QUIET_TURNS = 12;
const QUIET_TURN_MS = 4;

/**
 * Waits until the page has no task left to run.
 *
 * A background task runs only when nothing else is queued, after about 8 µs; tasks of the clock's own would delay it.
 * The second one waits for background tasks of the page's. The wait ends for a page that never stops posting messages to
 * itself: after so many turns, which a busy machine does not shorten as it would a time.
 * @returns {Promise<void>}
 */
function quiet() {
  const { postTask } = native;
  if (!postTask || !hasScripts) return macrotask();
  return new NativePromise((resolve) => {
    let turns = 0;
    let limit = 0;
    const next = () => {
      turns += 1;
      if (turns > QUIET_TURNS) resolve(undefined);
      else limit = native.setTimeout(next, QUIET_TURN_MS);
    };
    next();
    /** @type {SchedulerPostTaskOptions} */
    const background = { __proto__: null, priority: "background" };
    const done = () => {
      native.clearTimeout(limit);
      resolve(undefined);
    };
    postTask(() => void postTask(done, background), background);
  });
}

/** @param {number} milliseconds of real time @returns {Promise<void>} */
const moment = (milliseconds) =>
  hasScripts ? new NativePromise((resolve) => native.setTimeout(resolve, milliseconds)) : nothing();

/** Whether a thing, of any kind, is of that which has a property of the browser's. @param {(thing: any) => unknown} property @param {unknown} thing */
const has = (property, thing) => {
  try {
    property(thing);
    return true;
  } catch {
    return false;
  }
};

/**
 * The browser's own methods and properties of <video> and <audio>, which media_api.js replaces for the page, and what
 * else the clock asks of them.
 */
function nativeMediaApi() {
  const media = HTMLMediaElement.prototype;
  const video = HTMLVideoElement.prototype;
  const errorOf = getterOf(media, "error");
  const widthOf = getterOf(video, "videoWidth");
  const targetOf = getterOf(Event.prototype, "target");
  const srcObjectOf = getterOf(media, "srcObject");
  const isActive = globalThis.MediaStream ? getterOf(MediaStream.prototype, "active") : ignore;
  const picturesOf = globalThis.MediaStream ? methodOf(MediaStream.prototype, "getVideoTracks") : list;
  const dispatch = methodOf(EventTarget.prototype, "dispatchEvent");
  const nodeType = getterOf(Node.prototype, "nodeType");
  const tracksOf = getterOf(media, "textTracks");
  const trackCount = getterOf(TextTrackList.prototype, "length");
  const isConnected = getterOf(Node.prototype, "isConnected");
  const rectsOf = methodOf(Element.prototype, "getClientRects");
  const rectCount = getterOf(DOMRectList.prototype, "length");
  const NativeEvent = Event;
  const NativeException = DOMException;
  const attributeOf = methodOf(Element.prototype, "getAttribute");

  return {
    __proto__: null,
    play: methodOf(media, "play"),
    pause: methodOf(media, "pause"),
    isPaused: getterOf(media, "paused"),
    time: getterOf(media, "currentTime"),
    setTime: setterOf(media, "currentTime"),
    rate: getterOf(media, "playbackRate"),
    setRate: setterOf(media, "playbackRate"),
    autoplay: getterOf(media, "autoplay"),
    duration: getterOf(media, "duration"),
    loops: getterOf(media, "loop"),
    error: errorOf,
    readyState: getterOf(media, "readyState"),
    networkState: getterOf(media, "networkState"),
    address: getterOf(media, "currentSrc"),
    srcObject: srcObjectOf,
    setSrcObject: setterOf(media, "srcObject"),
    preload: getterOf(media, "preload"),
    setPreload: setterOf(media, "preload"),
    seekable: getterOf(media, "seekable"),
    buffered: getterOf(media, "buffered"),
    rangeCount: getterOf(TimeRanges.prototype, "length"),
    rangeStart: methodOf(TimeRanges.prototype, "start"),
    rangeEnd: methodOf(TimeRanges.prototype, "end"),
    poster: getterOf(video, "poster"),
    videoWidth: widthOf,
    videoHeight: getterOf(video, "videoHeight"),
    requestVideoFrameCallback: methodOf(video, "requestVideoFrameCallback"),
    cancelVideoFrameCallback: methodOf(video, "cancelVideoFrameCallback"),
    localName: getterOf(Element.prototype, "localName"),
    isConnected,
    listen: methodOf(EventTarget.prototype, "addEventListener"),
    targetOf,
    typeOf: getterOf(Event.prototype, "type"),
    stopHere: methodOf(Event.prototype, "stopImmediatePropagation"),
    errorHandler: getterOf(HTMLElement.prototype, "onerror"),
    errorCode: getterOf(MediaError.prototype, "code"),
    errorMessage: getterOf(MediaError.prototype, "message"),

    /** Whether an element has text tracks, whose cues the browser shows by its own position. @param {HTMLMediaElement} element */
    hasTracks: (element) => trackCount(tracksOf(element)) > 0,
    /** The address in an element's `src`, null where it has none. @param {HTMLMediaElement} element */
    given: (element) => attributeOf(element, "src"),
    /** Whether an element takes a place in the picture. @param {Element} element */
    isOnShow: (element) => isConnected(element) && rectCount(rectsOf(element)) > 0,
    /** @param {any} thing @returns {thing is Node} */
    isNode: (thing) => thing !== null && typeof thing === "object" && has(nodeType, thing),
    /** @param {string} message @param {string} name */
    exception: (message, name) => new NativeException(message, name),

    /** @param {any} thing @returns {thing is HTMLMediaElement} */
    isMedia: (thing) => thing !== null && typeof thing === "object" && has(errorOf, thing),
    /** @param {any} thing @returns {thing is HTMLVideoElement} */
    isVideo: (thing) => has(widthOf, thing),
    /**
     * Whether an element shows a camera, a canvas or a call. Those have no time of their own and are left to the
     * browser.
     * @param {HTMLMediaElement} element
     */
    isLive: (element) => {
      const source = srcObjectOf(element);
      return source !== null && source !== undefined && has(isActive, source);
    },
    /** Whether the live stream that an element shows has pictures. @param {HTMLMediaElement} element */
    hasLivePictures: (element) => picturesOf(/** @type {MediaStream} */ (srcObjectOf(element))).length > 0,
    /** @param {HTMLMediaElement} element @param {string} type */
    tell: (element, type) => dispatch(element, new NativeEvent(type)),
  };
}

/** @typedef {ReturnType<typeof nativeMediaApi>} NativeMedia */
