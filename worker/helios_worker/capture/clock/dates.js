// Other dates that tell the time: of documents, files, observers' entries, videos and audio contexts.

{
  /** Gives a File the present time unless it has one. @param {any} options */
  const dated = (options) => {
    const given = options === null || options === undefined ? undefined : options.lastModified;
    return { __proto__: null, ...options, lastModified: given === undefined ? wallClock() : given };
  };

  replaceClass("File", (args, make) => {
    if (args.length < 2) return make(args); // which throws
    return make([args[0], args[1], dated(args.length > 2 ? args[2] : undefined)]);
  });

  if (globalThis.FormData) {
    // A Blob that is added becomes a File of that moment.
    const NativeFile = File;
    /** Whether a thing is one of those that a getter answers for. @param {(thing: any) => any} getter */
    const answers = (getter) => (/** @type {any} */ thing) => {
      try {
        getter(thing);
        return true;
      } catch {
        return false;
      }
    };
    const typeOf = getterOf(Blob.prototype, "type");
    const isFile = answers(getterOf(File.prototype, "name"));
    const isBlob = answers(typeOf);
    /** @param {"append" | "set"} method */
    const dateBlobs = (method) => {
      const { value: add } = descriptorOf(FormData.prototype, method);
      patch(FormData.prototype, method, function (...args) {
        if (args.length > 1 && isBlob(args[1]) && (args.length > 2 || !isFile(args[1]))) {
          const name = args.length > 2 ? args[2] : "blob";
          const type = typeOf(args[1]);
          args[1] = new NativeFile([args[1]], name, { __proto__: null, type, lastModified: wallClock() });
        }
        return ReflectApply(add, this, args);
      });
    };
    dateBlobs("append");
    dateBlobs("set");
  }

  if (globalThis.FileSystemFileHandle) {
    const NativeFile = File;
    const nameOf = getterOf(File.prototype, "name");
    const typeOf = getterOf(Blob.prototype, "type");
    const getFile = methodOf(FileSystemFileHandle.prototype, "getFile");
    patch(FileSystemFileHandle.prototype, "getFile", function () {
      const found = getFile(/** @type {FileSystemFileHandle} */ (this));
      const copy = (/** @type {File} */ file) =>
        new NativeFile([file], nameOf(file), { __proto__: null, type: typeOf(file), lastModified: wallClock() });
      return new NativePromise((resolve, reject) => whenSettled(found, (file) => resolve(copy(file)), reject));
    });
  }
}

if (isWindow) {
  const dateParts = {
    __proto__: null,
    year: methodOf(Date.prototype, "getFullYear"),
    month: methodOf(Date.prototype, "getMonth"),
    day: methodOf(Date.prototype, "getDate"),
    hours: methodOf(Date.prototype, "getHours"),
    minutes: methodOf(Date.prototype, "getMinutes"),
    seconds: methodOf(Date.prototype, "getSeconds"),
  };
  /** @param {number} number */
  const two = (number) => (number < 10 ? `0${number}` : `${number}`);
  patch(Document.prototype, "lastModified", {
    __proto__: null,
    get() {
      viewOf(/** @type {any} */ (this)); // which refuses what is no document
      const date = new NativeDate(wallClock());
      const { year, month, day, hours, minutes, seconds } = dateParts;
      const time = `${two(hours(date))}:${two(minutes(date))}:${two(seconds(date))}`;
      return `${two(month(date) + 1)}/${two(day(date))}/${year(date)} ${time}`;
    },
  });

  // The time at which an entry was first looked at, which is when its observer was called.
  /** @type {SafeWeakMap<object, number>} */
  const seen = new SafeWeakMap();
  patch(globalThis.IntersectionObserverEntry?.prototype, "time", {
    __proto__: null,
    get() {
      let time = seen.get(this);
      if (time === undefined) seen.set(this, (time = now()));
      return time;
    },
  });

  patch(HTMLVideoElement.prototype, "getVideoPlaybackQuality", () => {
    const frames = { __proto__: null, totalVideoFrames: 0, droppedVideoFrames: 0, corruptedVideoFrames: 0 };
    return ObjectAssign({ __proto__: ObjectPrototype, creationTime: now() }, frames);
  });
  const zero = { __proto__: null, get: () => 0 };
  patch(HTMLVideoElement.prototype, "webkitDecodedFrameCount", zero);
  patch(HTMLVideoElement.prototype, "webkitDroppedFrameCount", zero);
  patch(HTMLMediaElement.prototype, "webkitAudioDecodedByteCount", zero);
  patch(HTMLVideoElement.prototype, "webkitVideoDecodedByteCount", zero);

  if (globalThis.AudioContext) {
    patch(AudioContext.prototype, "getOutputTimestamp", () => {
      const time = now();
      return { __proto__: ObjectPrototype, contextTime: time / 1000, performanceTime: time };
    });
    patch(AudioContext.prototype, "outputLatency", zero);
    patch(AudioContext.prototype, "baseLatency", { __proto__: null, get: () => 0.01 });
    patch(AudioContext.prototype, "playbackStats", { __proto__: null, get: () => undefined });
  }
}
