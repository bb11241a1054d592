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
  realm.byChance = (what) => warn(`the page ${what}, by chance: what it shows of it differs from render to render`);
  after(globalThis.RTCPeerConnection, "generateCertificate", () => realm.byChance("makes a certificate"));

  realm.cannotRoute = (address) =>
    warn(
      `the page plays ${address} through an AudioContext, which may not read it or cannot decode it: it is silent there ` +
        "(a file of another origin needs crossorigin on its element, and a server that allows it)",
    );

  realm.showsLive = () =>
    refuse(
      "the page shows a live stream in a video (captureStream(), a camera or a call), which runs in real time",
      "show the canvas or the file itself",
    );
  realm.playsLive = () =>
    warn(
      "the page plays a live stream (a microphone, a call, or createMediaStreamDestination()), which is not heard in the film: " +
        "what an AudioContext plays is heard if it is connected to the context's destination",
    );
  realm.hearsTooLong = () =>
    refuse(
      "the page looks at what an AudioContext plays (AnalyserNode, ScriptProcessorNode or AudioWorkletNode) at a time that " +
        "is later than the context can go on",
      "make the AudioContext later, make fewer of them, or give it a lower sampleRate",
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
