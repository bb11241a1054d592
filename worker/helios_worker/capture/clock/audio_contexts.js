// What a page calls and reads of its AudioContexts: each runs on the film's clock, and is an OfflineAudioContext underneath
// (audio_clocks.js).
//
// Nodes, parameters and worklets are the browser's own. Replaced are what tells or sets the time (currentTime, state, start
// and stop without a time, ended events), and what an OfflineAudioContext does not have.

if (isWindow && nativeAudio.Offline && window.AudioContext) {
  const { audio } = kernel;
  const { byContext } = audio;
  const Native = AudioContext;
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const dispatch = methodOf(EventTarget.prototype, "dispatchEvent");
  const stopHere = methodOf(Event.prototype, "stopImmediatePropagation");
  const NativeEvent = Event;
  const contextOf = getterOf(AudioNode.prototype, "context");
  const nativeTime = getterOf(BaseAudioContext.prototype, "currentTime");
  const nativeState = getterOf(BaseAudioContext.prototype, "state");
  const makeGain = methodOf(BaseAudioContext.prototype, "createGain");
  const USUAL_RATE = 48000;

  /** What keeps the browser's own events from a page that it does not concern. @param {Event} event */
  const keepBack = (event) => {
    if (event.isTrusted) stopHere(event);
  };

  /** @param {any} options @param {any} newTarget */
  function make(options, newTarget) {
    const asked = options === undefined || options === null ? undefined : options.sampleRate;
    const rate = asked === undefined ? USUAL_RATE : NativeNumber(asked);
    const length = audio.room(rate);
    const context = ReflectConstruct(nativeAudio.Offline, [2, length, rate], newTarget);
    listen(context, "statechange", keepBack);
    listen(context, "complete", keepBack);
    /** @type {AudioClock} */
    const clock = {
      __proto__: null,
      address: `audio-context:${nativeAudio.random()}`,
      ...{ context, rate, length, state: "running", origin: kernel.now, stopped: 0, runsSince: kernel.now },
      ...{ alive: realm.alive, tooLong: realm.hearsTooLong, seen: kernel.now, works: false, plays: false, quanta: 0 },
      ...{ whole: null, buffer: null, isOver: false },
    };
    audio.add(clock);
    tellState(context);
    return context;
  }

  /** @type {any} */
  const Replacement = new NativeProxy(Native, {
    __proto__: null,
    construct: (target, args, newTarget) => make(args.length > 0 ? args[0] : undefined, newTarget === Replacement ? target : newTarget),
  });
  patch(globalThis, "AudioContext", { __proto__: null, value: Replacement });
  patch(Native.prototype, "constructor", { __proto__: null, value: Replacement });

  /** Tells a page in a task of its own that a context's state has changed. @param {any} context */
  const tellState = (context) => {
    const tell = async () => {
      await own(macrotask());
      if (realm.alive()) dispatch(context, new NativeEvent("statechange"));
    };
    void tell();
  };

  /** The clock of one of our contexts; throws for all else, as the browser does. @param {any} context */
  const clockOf = (context) => {
    const clock = byContext.get(context);
    if (!clock) throw new NativeTypeError("Illegal invocation");
    return clock;
  };

  /** @param {any} context @param {"running" | "suspended" | "closed"} state */
  function setState(context, state) {
    const clock = clockOf(context);
    if (clock.state !== state && clock.state !== "closed") {
      if (state === "running") {
        clock.origin = kernel.now - clock.stopped * 1000;
        clock.runsSince = kernel.now;
      } else {
        const stopped = audio.timeOf(clock);
        audio.endPiece(clock, kernel.now);
        clock.stopped = stopped;
      }
      clock.state = state;
      if (state === "closed") audio.noteClosed(clock);
      tellState(context);
    }
    return nothing();
  }

  const live = Native.prototype;
  patch(live, "resume", function () {
    return setState(this, "running");
  });
  patch(live, "suspend", function () {
    return setState(this, "suspended");
  });
  patch(live, "close", function () {
    return setState(this, "closed");
  });
  patch(live, "setSinkId", function () {
    clockOf(this);
    return nothing();
  });
  patch(live, "getOutputTimestamp", function () {
    const stamp = pageObject();
    stamp.contextTime = audio.shownTime(clockOf(this));
    stamp.performanceTime = now();
    return stamp;
  });
  /** @param {string} name @param {unknown} value */
  const say = (name, value) =>
    patch(live, name, {
      __proto__: null,
      get() {
        clockOf(this);
        return value;
      },
    });
  say("baseLatency", 128 / USUAL_RATE);
  say("outputLatency", 0);
  say("sinkId", "");
  say("playbackStats", undefined);
  patch(BaseAudioContext.prototype, "currentTime", {
    __proto__: null,
    get() {
      const clock = byContext.get(this);
      return clock ? audio.shownTime(clock) : nativeTime(this);
    },
  });
  patch(BaseAudioContext.prototype, "state", {
    __proto__: null,
    get() {
      const clock = byContext.get(this);
      return clock ? clock.state : nativeState(this);
    },
  });

  // -- what has no sound of its own here

  /** A node of another class that passes on what it gets. @param {any} context @param {any} prototype */
  function passing(context, prototype) {
    clockOf(context);
    const node = makeGain(context);
    ReflectSetPrototypeOf(node, prototype);
    return node;
  }
  const destinations = MediaStreamAudioDestinationNode.prototype;
  const sources = MediaStreamAudioSourceNode.prototype;
  const Stream = MediaStream;
  /** @param {any} context */
  function toStream(context) {
    const node = passing(context, destinations);
    ReflectDefineProperty(node, "stream", { __proto__: null, value: new Stream(), enumerable: true });
    return node;
  }
  /** @param {any} context @param {any} stream */
  function fromStream(context, stream) {
    const node = passing(context, sources);
    ReflectDefineProperty(node, "mediaStream", { __proto__: null, value: stream, enumerable: true });
    return node;
  }
  patch(live, "createMediaStreamDestination", function () {
    return toStream(this);
  });
  patch(live, "createMediaStreamSource", function (stream) {
    return fromStream(this, stream);
  });
  replaceClass("MediaStreamAudioDestinationNode", (args, construct) =>
    args.length > 0 && byContext.has(args[0]) ? toStream(args[0]) : construct(args),
  );
  replaceClass("MediaStreamAudioSourceNode", (args, construct) =>
    args.length > 1 && byContext.has(args[0]) ? fromStream(args[0], args[1].mediaStream) : construct(args),
  );

  // -- sources

  const Scheduled = AudioScheduledSourceNode;
  const clip = AudioBufferSourceNode.prototype;
  const bufferOf = getterOf(clip, "buffer");
  const loops = getterOf(clip, "loop");
  const rateOf = getterOf(clip, "playbackRate");
  const detuneOf = getterOf(clip, "detune");
  const valueOf = getterOf(AudioParam.prototype, "value");
  const lengthOf = getterOf(AudioBuffer.prototype, "duration");
  /** @type {SafeWeakMap<object, { __proto__: null, begins: number, ends: number }>} in seconds of the context's time */
  const known = new SafeWeakMap();

  /** @param {any} node */
  const clockOfNode = (node) => byContext.get(contextOf(node));

  /**
   * Tells that a source has ended, after the block of samples in which it has, unless it is to end at another time by then.
   * Players ask at that moment whether the time is past their end.
   * @param {any} node
   * @param {AudioClock} clock
   * @param {number} ends
   */
  function expectEnd(node, clock, ends) {
    if (!(ends < Infinity)) return;
    const told = ((floor((ends * clock.rate) / QUANTUM) + 1) * QUANTUM) / clock.rate;
    const left = max(0, told - audio.timeOf(clock)) * 1000;
    const due = clock.state === "running" ? clock.origin + told * 1000 : kernel.now + max(left, 10);
    kernel.scheduleOwn(max(due, kernel.now), "the end of a sound", () => {
      if (!realm.alive() || known.get(node)?.ends !== ends) return;
      if (audio.timeOf(clock) < told - 1e-6 && clock.state !== "closed") expectEnd(node, clock, ends);
      else dispatch(node, new NativeEvent("ended"));
    });
  }

  /** Before anybody else can listen: such objects call their listeners in the order in which they came. @param {any} node */
  const hush = (node) => {
    if (clockOfNode(node)) listen(node, "ended", keepBack);
  };
  const made = list("createBufferSource", "createConstantSource", "createOscillator");
  for (let index = 0; index < made.length; index += 1) {
    after(/** @type {any} */ (BaseAudioContext.prototype), made[index], (_context, _args, node) => hush(node));
  }
  const classes = list("AudioBufferSourceNode", "ConstantSourceNode", "OscillatorNode");
  for (let index = 0; index < classes.length; index += 1) afterConstruct(classes[index], hush);

  /**
   * A time that a script has given, not before the present. Where a sample is as near as what it was told (AHEAD), at that:
   * between samples, a source would be interpolated, and lose its first.
   * @param {any} given
   * @param {AudioClock} clock
   */
  const timeIn = (given, clock) => {
    const time = given === undefined ? 0 : NativeNumber(given);
    if (!(time >= 0)) return time; // which the browser refuses
    const samples = max(time, audio.timeOf(clock)) * clock.rate;
    const whole = floor(samples + 0.5);
    return (abs(samples - whole) < 1.1 * AHEAD * clock.rate ? whole : samples) / clock.rate;
  };

  /**
   * Has a source begin or end at the moment of the call where it is given none.
   * @param {any} prototype
   * @param {"start" | "stop"} name
   * @param {(node: any, clock: AudioClock, args: any[]) => void} step
   */
  function schedule(prototype, name, step) {
    const { value: method } = descriptorOf(prototype, name);
    patch(prototype, name, function (...args) {
      const node = /** @type {any} */ (this);
      let clock;
      try {
        clock = clockOfNode(node);
      } catch {
        // no node
      }
      if (!clock) return ReflectApply(method, node, args);
      const given = list(timeIn(args.length > 0 ? args[0] : undefined, clock));
      for (let index = 1; index < args.length; index += 1) append(given, args[index]);
      ReflectApply(method, node, given);
      step(node, clock, given);
    });
  }
  /** @param {any[]} args @param {number} index @param {number} otherwise */
  const numberAt = (args, index, otherwise) => (args.length > index && args[index] !== undefined ? NativeNumber(args[index]) : otherwise);
  /** @param {any} node @param {AudioClock} clock @param {number} begins @param {number} ends */
  const begin = (node, clock, begins, ends) => {
    audio.notePlays(clock);
    known.set(node, { __proto__: null, begins, ends });
    expectEnd(node, clock, ends);
  };
  schedule(Scheduled.prototype, "start", (node, clock, args) => begin(node, clock, args[0], Infinity));
  schedule(clip, "start", (node, clock, args) => {
    const buffer = bufferOf(node);
    const whole = !buffer || loops(node) ? Infinity : max(0, lengthOf(buffer) - numberAt(args, 1, 0));
    const rate = valueOf(rateOf(node)) * 2 ** (valueOf(detuneOf(node)) / 1200);
    begin(node, clock, args[0], args[0] + min(whole, numberAt(args, 2, Infinity)) / rate);
  });
  schedule(Scheduled.prototype, "stop", (node, clock, args) => {
    const source = known.get(node);
    if (!source) return;
    source.ends = min(source.ends, max(source.begins, args[0]));
    expectEnd(node, clock, source.ends);
  });

  // -- who looks at what is played

  /** @param {any} node */
  const look = (node) => {
    if (clockOfNode(node)) audio.isLookedAt = true;
  };
  after(/** @type {any} */ (BaseAudioContext.prototype), "createAnalyser", (_context, _args, node) => look(node));
  after(/** @type {any} */ (BaseAudioContext.prototype), "createScriptProcessor", (_context, _args, node) => look(node));
  afterConstruct("AnalyserNode", look);
  afterConstruct("AudioWorkletNode", (node) => {
    look(node);
    const context = contextOf(node);
    const clock = byContext.get(context);
    if (clock) clock.works = true;
    // Its processor is made in another thread, and may send something at once.
    const flight = work.begin("an AudioWorkletNode", realm, { __proto__: null });
    const end = () => work.end(flight);
    whenSettled(hearWorklets(context), end, end);
  });
}
