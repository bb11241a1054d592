// What the clock cannot control. Such things run as they are, and the plan warns of them.

if (isWindow) {
  /** @type {SafeSet<string>} */
  const warned = new SafeSet();
  const addressOf = getterOf(URL.prototype, "href");
  const baseOf = getterOf(Node.prototype, "baseURI");
  const Address = URL;
  /**
   * Adds a line to the plan's warnings, once.
   * @param {string} text
   * @param {string} [ignore] the address of a request that no frame waits for
   */
  const warn = (text, ignore) => {
    if (warned.has(text)) return;
    warned.add(text);
    tellDriver({ __proto__: null, text, ignore });
  };

  /**
   * Has the frame fail, or warns of it with --page-errors warn.
   * @param {string} fault
   * @param {string} remedy
   */
  const refuse = (fault, remedy) => {
    if (warned.has(fault)) return;
    warned.add(fault);
    tellDriver({ __proto__: null, fault, remedy });
  };

  /** @param {any[]} args of a constructor whose first argument is an address */
  const firstOf = (args) => (args.length > 0 ? `${args[0]}` : "");
  if (globalThis.SharedWorker) {
    // It has no clock of ours. What it answers at once belongs to this moment.
    /** @type {SafeWeakSet<object>} */
    const sharedPorts = new SafeWeakSet();
    const portOf = getterOf(SharedWorker.prototype, "port");
    /** @type {Flight | undefined} */
    let answer;
    const awaitAnswer = () => {
      if (answer) return;
      const giveUp = () => (answer = undefined);
      answer = work.begin("SharedWorker", realm, { __proto__: null, doubtful: true, giveUp });
    };
    onConstruct("SharedWorker", (args) => {
      awaitAnswer();
      const url = firstOf(args);
      const address = addressOf(new Address(url, baseOf(document)));
      warn(`the page uses a SharedWorker (${url}), whose time is real: what it sends may come at any frame`, address);
    });
    patch(SharedWorker.prototype, "port", {
      __proto__: null,
      get() {
        const port = portOf(/** @type {any} */ (this));
        sharedPorts.add(port);
        return port;
      },
    });
    after(MessagePort.prototype, "postMessage", (port) => {
      if (sharedPorts.has(port)) awaitAnswer();
    });
  }
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  /**
   * Warns of a connection. That there is none, which comes to light at once, belongs to the moment in which it was asked for.
   * @param {string} name of the class
   * @param {(address: string) => string} text
   */
  const warnOfConnection = (name, text) =>
    replaceClass(name, (args, make) => {
      const connection = make(args);
      try {
        warn(text(firstOf(args)));
      } catch {
        // an address that says something else when it is asked again
      }
      const flight = work.begin(name, realm, { __proto__: null, doubtful: true });
      const end = () => work.end(flight);
      listen(connection, "open", end);
      listen(connection, "error", end);
      return connection;
    });
  warnOfConnection(
    "WebSocket",
    (address) => `the page listens to a WebSocket (${address}): what comes from it differs from render to render`,
  );
  warnOfConnection(
    "EventSource",
    (address) => `the page listens to server-sent events (${address}): what comes differs from render to render`,
  );
  onConstruct("RTCPeerConnection", () =>
    warn("the page uses WebRTC: what comes from it differs from render to render"),
  );
  onConstruct("AudioContext", () =>
    warn("the page makes sound with Web Audio, which is not rendered: the film is silent"),
  );

  if (window.BaseAudioContext) {
    const timeOf = getterOf(BaseAudioContext.prototype, "currentTime");
    const latencyOf = getterOf(AudioContext.prototype, "baseLatency");
    patch(BaseAudioContext.prototype, "currentTime", {
      __proto__: null,
      get() {
        try {
          latencyOf(/** @type {AudioContext} */ (this)); // which an OfflineAudioContext does not have
        } catch {
          return timeOf(this);
        }
        return now() / 1000;
      },
    });
  }

  // What a live AudioContext plays is heard in real time, and not at all in a film.
  /** @type {any} */
  const { value: Analyser } = descriptorOf(globalThis, "AnalyserNode");
  if (Analyser && window.AudioContext) {
    const contextOf = getterOf(AudioNode.prototype, "context");
    const latencyOf = getterOf(AudioContext.prototype, "baseLatency");
    const hears = (/** @type {string} */ method) =>
      after(Analyser.prototype, method, (node) => {
        latencyOf(/** @type {any} */ (contextOf(/** @type {any} */ (node)))); // throws for an OfflineAudioContext
        refuse(
          `the page shows what a live AudioContext plays (AnalyserNode.${method}), which runs in real time`,
          "analyse the sound with an OfflineAudioContext, or put its numbers beside the page",
        );
      });
    hears("getByteFrequencyData");
    hears("getByteTimeDomainData");
    hears("getFloatFrequencyData");
    hears("getFloatTimeDomainData");
  }

  // What plays in a live AudioContext ends in real time. The page hears of it on the film's clock.
  /** @type {any} */
  const { value: Scheduled } = descriptorOf(globalThis, "AudioScheduledSourceNode");
  if (Scheduled && window.AudioContext) {
    const contextOf = getterOf(AudioNode.prototype, "context");
    const latencyOf = getterOf(AudioContext.prototype, "baseLatency");
    const dispatch = methodOf(EventTarget.prototype, "dispatchEvent");
    const stopHere = methodOf(Event.prototype, "stopImmediatePropagation");
    const NativeEvent = Event;
    const clip = AudioBufferSourceNode.prototype;
    const bufferOf = getterOf(clip, "buffer");
    const loops = getterOf(clip, "loop");
    const rateOf = getterOf(clip, "playbackRate");
    const detuneOf = getterOf(clip, "detune");
    const valueOf = getterOf(AudioParam.prototype, "value");
    const lengthOf = getterOf(AudioBuffer.prototype, "duration");
    /** @type {SafeWeakMap<object, { __proto__: null, begins: number, ends: number }>} in seconds of the realm's time */
    const known = new SafeWeakMap();
    /** @param {any[]} args @param {number} index @param {number} otherwise */
    const numberAt = (args, index, otherwise) => (args.length > index && args[index] !== undefined ? NativeNumber(args[index]) : otherwise);

    /** Tells at its end that a source has ended, unless it is to end at another time by then. @param {AudioNode} node @param {number} ends */
    const expectEnd = (node, ends) => {
      if (!(ends < Infinity)) return;
      kernel.scheduleOwn(birth + ends * 1000, "the end of a sound", () => {
        if (realm.alive() && known.get(node)?.ends === ends) dispatch(node, new NativeEvent("ended"));
      });
    };
    /** @param {AudioNode} node @param {number} begins @param {number} ends */
    const begin = (node, begins, ends) => {
      latencyOf(/** @type {any} */ (contextOf(node))); // throws for an OfflineAudioContext
      known.set(node, { __proto__: null, begins, ends });
      expectEnd(node, ends);
    };
    /** Before anybody else can listen: such objects call their listeners in the order in which they came. @param {AudioNode} node */
    const hush = (node) => {
      latencyOf(/** @type {any} */ (contextOf(node))); // as above
      listen(node, "ended", (event) => event.isTrusted && stopHere(event));
    };
    const made = list("createBufferSource", "createConstantSource", "createOscillator");
    for (let index = 0; index < made.length; index += 1) {
      after(/** @type {any} */ (BaseAudioContext.prototype), made[index], (_context, _args, node) => hush(node));
    }
    const classes = list("AudioBufferSourceNode", "ConstantSourceNode", "OscillatorNode");
    for (let index = 0; index < classes.length; index += 1) afterConstruct(classes[index], hush);
    /** @param {any[]} args */
    const startOf = (args) => max(now() / 1000, numberAt(args, 0, 0));
    after(Scheduled.prototype, "start", (node, args) => begin(node, startOf(args), Infinity));
    after(clip, "start", (node, args) => {
      const begins = startOf(args);
      const buffer = bufferOf(node);
      const whole = !buffer || loops(node) ? Infinity : max(0, lengthOf(buffer) - numberAt(args, 1, 0));
      const rate = valueOf(rateOf(node)) * 2 ** (valueOf(detuneOf(node)) / 1200);
      begin(node, begins, begins + min(whole, numberAt(args, 2, Infinity)) / rate);
    });
    after(Scheduled.prototype, "stop", (node, args) => {
      const source = known.get(node);
      if (!source) return;
      source.ends = min(source.ends, max(source.begins, startOf(args)));
      expectEnd(node, source.ends);
    });
  }

  if (window.AudioContext) {
    // In a cross-origin frame the browser does not resume before a click, and nobody clicks.
    const resume = methodOf(AudioContext.prototype, "resume");
    patch(AudioContext.prototype, "resume", function () {
      whenSettled(resume(this), ignore, ignore);
      return new NativePromise((resolve) => resolve(undefined));
    });
  }

  realm.byChance = (what) => warn(`the page ${what}, by chance: what it shows of it differs from render to render`);
  after(globalThis.RTCPeerConnection, "generateCertificate", () => realm.byChance("makes a certificate"));

  realm.showsLive = () =>
    refuse(
      "the page shows a live stream in a video (captureStream(), a camera or a call), which runs in real time",
      "show the canvas or the file itself",
    );
  onConstruct("MediaRecorder", () =>
    warn("the page records with a MediaRecorder, which runs in real time: what it records differs from render to render"),
  );

  const addressOfMedia = getterOf(HTMLMediaElement.prototype, "currentSrc");
  realm.cannotSeek = (element) =>
    warn(
      `the page plays ${addressOfMedia(element)}, whose server sends it only from the start (no Range requests): ` +
        "the film shows its first picture",
    );

  realm.mediaFails = (addresses, reason, isHandled) => {
    tellDriver({ __proto__: null, unplayable: { __proto__: null, addresses, reason, isHandled } });
  };
}
