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
  const gainOf = getterOf(GainNode.prototype, "gain");
  const connect = /** @type {(from: AudioNode, to: AudioNode) => AudioNode} */ (/** @type {any} */ (methodOf(AudioNode.prototype, "connect")));
  const { start, stop } = nativeAudio;
  const NativeException = DOMException;

  /** @type {SafeMap<string, Promise<AudioBuffer | null>>} */
  const decoded = new SafeMap();
  /** @param {BaseAudioContext} context @param {string} address @returns {Promise<AudioBuffer | null>} null where it cannot be read */
  async function decodedFile(context, address) {
    try {
      const response = await own(load(address));
      return await own(decode(context, await own(bytesOf(response))));
    } catch {
      return null;
    }
  }

  /** @param {AudioClock} clock @param {AudioNode} output @returns {Route} */
  function createRoute(clock, output) {
    const loudness = makeGain(clock.context);
    connect(loudness, output);
    /** @type {Playing | null} */
    let current = null;
    let gain = 1;
    /** @type {Playing[]} */
    let waiting = list();
    /** @param {number} time virtual */
    const timeIn = (time) => max(0, (time - clock.origin) / 1000);

    /** @param {Playing} playing */
    async function begin(playing) {
      const { piece } = playing;
      let file = decoded.get(piece.address);
      if (!file) decoded.set(piece.address, (file = decodedFile(clock.context, piece.address)));
      const buffer = await own(file);
      if (buffer === null) return realm.cannotRoute(piece.address);
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
          setGain(piece.gains[1]);
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
        setGain(current.piece.gains[1]);
      },
      async start() {
        const begun = waiting;
        waiting = list();
        for (let index = 0; index < begun.length; index += 1) await own(begin(begun[index]));
      },
    };

    /** @param {number} value */
    function setGain(value) {
      if (value !== gain) setAt(gainOf(loudness), value, timeIn(kernel.now));
      gain = value;
    }
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
    routes.set(element, createRoute(clock, node));
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
