// WebCodecs. A codec takes pieces and gives others back, each some time after it took one. It may keep a few until it
// gets more, so what it has taken is waited for until it has given as much back, or the browser has nothing left to do.

{
  /** @type {any} */
  const globals = globalThis;

  /**
   * @param {string} name of the class
   * @param {"decode" | "encode"} method by which the page hands a piece over
   * @param {string} queue property that says how many the codec has not begun
   */
  function countCodec(name, method, queue) {
    const { value: Class } = descriptorOf(globals, name);
    if (!Class) return;
    /** @typedef {{ __proto__: null, owed: number, given: number, flight: Flight | null }} Account */
    /** @type {SafeWeakMap<object, Account>} */
    const accounts = new SafeWeakMap();
    const queued = getterOf(Class.prototype, queue);
    const stateOf = getterOf(Class.prototype, "state");

    /** @param {Account | undefined} account */
    const settle = (account) => {
      if (!account) return;
      account.owed = 0;
      if (account.flight) work.end(account.flight);
      account.flight = null;
    };

    replaceClass(name, (args, make) => {
      const init = args.length > 0 ? args[0] : undefined;
      const output = init !== null && typeof init === "object" ? init.output : undefined;
      const failed = typeof output === "function" ? init.error : undefined;
      if (typeof output !== "function" || typeof failed !== "function") return make(args);
      /** @type {Account} */
      const account = { __proto__: null, owed: 0, given: 0, flight: null };
      const codec = make([
        {
          __proto__: null,
          output: (/** @type {any[]} */ ...given) => {
            account.given += 1;
            account.owed = max(0, account.owed - 1);
            if (account.owed === 0) settle(account);
            return ReflectApply(output, undefined, given);
          },
          error: (/** @type {any[]} */ ...given) => {
            settle(account);
            return ReflectApply(failed, undefined, given);
          },
        },
      ]);
      accounts.set(codec, account);
      return codec;
    });

    after(Class.prototype, method, (codec) => {
      const account = accounts.get(codec);
      if (!account) return;
      account.owed += 1;
      if (account.flight) return;
      account.flight = work.begin(`${name}.${method}`, realm, {
        __proto__: null,
        doubtful: true,
        progress: () => account.given * 1e6 + queued(codec),
        ended: () => stateOf(codec) !== "configured",
        giveUp: () => (account.flight = null), // what it still owes may come with the next piece
      });
    });
    /** @param {string} action */
    const drops = (action) => after(Class.prototype, action, (codec) => settle(accounts.get(codec)));
    drops("reset");
    drops("close");
    countPromise(Class.prototype, "flush", `${name}.flush`, undefined, (_value, codec) => settle(accounts.get(codec)));
    countPromise(Class, "isConfigSupported", `${name}.isConfigSupported`);
  }

  countCodec("VideoDecoder", "decode", "decodeQueueSize");
  countCodec("AudioDecoder", "decode", "decodeQueueSize");
  countCodec("VideoEncoder", "encode", "encodeQueueSize");
  countCodec("AudioEncoder", "encode", "encodeQueueSize");
  countPromise(globals.VideoFrame?.prototype, "copyTo", "VideoFrame.copyTo");

  const { value: Images } = descriptorOf(globals, "ImageDecoder");
  // Its bytes may come from a stream that a script feeds.
  /** @type {FlightOptions} */
  const doubtful = { __proto__: null, doubtful: true, resumes: true };
  countPromise(Images?.prototype, "decode", "ImageDecoder.decode", doubtful);
  countProperty(Images?.prototype, "completed", "ImageDecoder.completed", doubtful);
  countProperty(globals.ImageTrackList?.prototype, "ready", "ImageDecoder.tracks.ready", doubtful);
  countPromise(Images, "isTypeSupported", "ImageDecoder.isTypeSupported");
}
