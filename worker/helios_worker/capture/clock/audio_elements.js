// Videos and sounds that a page plays through an AudioContext (createMediaElementSource): what they play by now is played
// there from the decoded file, wherever contexts render (audio_clocks.js).

/**
 * A piece of a file that is on its way into a context, or plays there.
 * @typedef {object} Playing
 * @property {null} [__proto__]
 * @property {HeardPiece} piece
 * @property {boolean} ended
 * @property {AudioBufferSourceNode | null} source once it has been started
 */

/**
 * @typedef {object} Route
 * @property {null} [__proto__]
 * @property {(piece: HeardPiece | null) => void} play
 * @property {() => Promise<void>} start starts what is to play, once its file is decoded
 */

if (isWindow && nativeAudio.Offline && window.AudioContext) {
  const { audio } = kernel;
  const { byContext, routes } = audio;
  const load = window.fetch.bind(window);
  const bytesOf = methodOf(Response.prototype, "arrayBuffer");
  const decode = methodOf(BaseAudioContext.prototype, "decodeAudioData");
  const makeSource = methodOf(BaseAudioContext.prototype, "createBufferSource");
  const makeGain = methodOf(BaseAudioContext.prototype, "createGain");
  const setBuffer = setterOf(AudioBufferSourceNode.prototype, "buffer");
  const setLoop = setterOf(AudioBufferSourceNode.prototype, "loop");
  const rateOf = getterOf(AudioBufferSourceNode.prototype, "playbackRate");
  const setParam = setterOf(AudioParam.prototype, "value");
  const setAt = methodOf(AudioParam.prototype, "setValueAtTime");
  const cancel = methodOf(AudioParam.prototype, "cancelScheduledValues");
  const slideTo = methodOf(AudioParam.prototype, "linearRampToValueAtTime");
  const gainOf = getterOf(GainNode.prototype, "gain");
  const connect = /** @type {(from: AudioNode, to: AudioNode) => AudioNode} */ (/** @type {any} */ (methodOf(AudioNode.prototype, "connect")));
  const { start, stop } = nativeAudio;
  const NativeException = DOMException;

  const Address = URL;
  const originOf = getterOf(URL.prototype, "origin");
  const crossOriginOf = getterOf(HTMLMediaElement.prototype, "crossOrigin");
  const OWN_ORIGIN = window.origin;

  /** Whether a context may read what an element plays. @param {HTMLMediaElement} element @param {string} address */
  function isReadable(element, address) {
    const isOfNetwork = stringSlice(address, 0, 4) === "http";
    return !isOfNetwork || crossOriginOf(element) !== null || originOf(new Address(address)) === OWN_ORIGIN;
  }

  /** @type {SafeMap<string, Promise<AudioBuffer | null>>} */
  const decoded = new SafeMap();
  /**
   * @param {BaseAudioContext} context
   * @param {HTMLMediaElement} element
   * @param {string} address
   * @returns {Promise<AudioBuffer | null>} null where it cannot be read
   */
  async function decodedFile(context, element, address) {
    try {
      if (!isReadable(element, address)) return null;
      const credentials = crossOriginOf(element) === "use-credentials" ? "include" : "same-origin";
      const response = await own(load(address, /** @type {any} */ ({ __proto__: null, credentials })));
      return await own(decode(context, await own(bytesOf(response))));
    } catch {
      return null;
    }
  }

  /** @param {AudioClock} clock @param {HTMLMediaElement} element @param {AudioNode} output @returns {Route} */
  function createRoute(clock, element, output) {
    const loudness = makeGain(clock.context);
    connect(loudness, output);
    /** @type {Playing | null} */
    let current = null;
    const volume = createVolume(gainOf(loudness), () => timeIn(kernel.now));
    /** @type {Playing[]} */
    let waiting = list();
    /** @param {number} time virtual */
    const timeIn = (time) => max(0, (time - clock.origin) / 1000);

    /** @param {Playing} playing */
    async function begin(playing) {
      const { piece } = playing;
      let file = decoded.get(piece.address);
      if (!file) decoded.set(piece.address, (file = decodedFile(clock.context, element, piece.address)));
      const buffer = await own(file);
      if (buffer === null) return realm.cannotRoute(piece.address);
      audio.notePlays(clock);
      const source = makeSource(clock.context);
      setBuffer(source, buffer);
      setLoop(source, piece.loop > 0);
      setParam(rateOf(source), piece.rate);
      connect(source, loudness);
      start(source, timeIn(piece.begin), piece.position);
      if (playing.ended) stop(source, timeIn(piece.end));
      playing.source = source;
    }

    return {
      __proto__: null,
      play(piece) {
        if (current && piece && soundGoesOn(current.piece, piece)) {
          volume(piece.gains[1]);
          return;
        }
        if (current) {
          current.ended = true;
          current.piece.end = piece ? max(current.piece.begin, piece.begin) : kernel.now;
          if (current.source) stop(current.source, timeIn(current.piece.end));
        }
        current = piece && { __proto__: null, piece, ended: false, source: null };
        if (!current) return;
        append(waiting, current);
        volume(current.piece.gains[1]);
      },
      async start() {
        const begun = waiting;
        waiting = list();
        for (let index = 0; index < begun.length; index += 1) await own(begin(begun[index]));
      },
    };
  }

  /**
   * Follows the volume of an element, which is told when it changes and in each frame. A script that fades a sound sets it
   * again and again, and means the line through what it sets: that goes on at first as from the time before to this one.
   * @param {AudioParam} gain
   * @param {() => number} now
   * @returns {(value: number) => void}
   */
  function createVolume(gain, now) {
    // The last three changes. reached: what the gain comes to until the next one is due.
    let first = { __proto__: null, value: 1, at: Infinity, reached: 1 };
    let second = first;
    let third = first;
    return (value) => {
      const time = now();
      if (value === third.value && (time === third.at || third.reached === value)) return;
      if (time === third.at) {
        cancel(gain, time);
        if (second.at < Infinity) slideTo(gain, second.reached, time);
      } else {
        if (value === third.value && time - third.at < 0.99 * (third.at - second.at)) return; // none is due yet
        first = second;
        second = third;
      }
      third = { __proto__: null, value, at: time, reached: value };
      const passed = time - second.at;
      const isFade = value !== second.value && second.value !== first.value && passed < 2 * (second.at - first.at);
      if (isFade) third.reached = min(1, max(0, 2 * value - second.value));
      if (isFade || value === second.value) {
        setAt(gain, second.reached, time);
        slideTo(gain, third.reached, time + passed);
      } else {
        setAt(gain, value, time);
      }
    };
  }

  /**
   * Has an element play through a node of a context.
   * @param {BaseAudioContext} context
   * @param {HTMLMediaElement} element
   */
  function route(context, element) {
    const clock = byContext.get(context);
    if (!clock || !has(errorOf, element)) throw new NativeTypeError("Illegal invocation");
    if (routes.has(element)) {
      throw new NativeException("HTMLMediaElement already connected previously to a different MediaElementSourceNode.", "InvalidStateError");
    }
    const node = makeGain(context);
    ReflectSetPrototypeOf(node, MediaElementAudioSourceNode.prototype);
    ReflectDefineProperty(node, "mediaElement", { __proto__: null, value: element, enumerable: true });
    routes.set(element, createRoute(clock, element, node));
    return node;
  }
  const errorOf = getterOf(HTMLMediaElement.prototype, "error");

  patch(AudioContext.prototype, "createMediaElementSource", function (element) {
    return route(this, element);
  });
  replaceClass("MediaElementAudioSourceNode", (args, construct) =>
    args.length > 1 && byContext.has(args[0]) ? route(args[0], args[1].mediaElement) : construct(args),
  );
}
