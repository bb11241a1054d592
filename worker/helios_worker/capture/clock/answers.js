// What the browser answers later: the table of calls whose work is counted (work.js), in every realm.
//
// What depends on the page's own next step is not counted (a lock that a script holds, a stream that a script feeds), or
// only for a while. streams.js, databases.js and codecs.js have what is more than a call and its answer. Long, because it
// is one table.

const { work } = kernel;

/**
 * Counts a promise of the browser's, and returns one for the page that settles with it. The page's own has to be
 * another, or ours would count as having handled its error.
 * @template T
 * @param {string} name
 * @param {Promise<T>} promise
 * @param {FlightOptions} [options]
 * @param {(value: any) => void} [step] called with the answer
 * @returns {Promise<T>}
 */
function counted(name, promise, options, step) {
  const flight = work.begin(name, realm, options);
  return new NativePromise((resolve, reject) => {
    whenSettled(
      promise,
      (value) => {
        work.end(flight);
        if (step) step(value);
        resolve(value);
      },
      (error) => {
        work.end(flight);
        reject(error);
      },
    );
  });
}

/** Whether something is a promise of the browser's. @param {any} thing */
const isPromise = (thing) => thing !== null && typeof thing === "object" && typeof thing.then === "function";

/**
 * Counts the calls of a method that returns a promise.
 * @param {any} target
 * @param {string} method
 * @param {string} name for reports
 * @param {FlightOptions | ((self: any, args: any[]) => FlightOptions | null)} [options] null: this call is not counted
 * @param {(value: any, self: any) => void} [step] called with each answer
 */
function countPromise(target, method, name, options, step) {
  const { value: call } = descriptorOf(target, method);
  if (typeof call !== "function") return;
  patch(target, method, function (...args) {
    const result = ReflectApply(call, this, args);
    if (!isPromise(result)) return result;
    let chosen;
    try {
      chosen = typeof options === "function" ? options(this, args) : options;
    } catch {
      return result; // a promise that says that this is no object of the class
    }
    if (chosen === null) return result;
    return counted(name, result, chosen, step && ((value) => step(value, this)));
  });
}

/**
 * Counts a promise that an object has as a property, while the page waits for it.
 * @param {any} target
 * @param {string} property
 * @param {string} name for reports
 * @param {FlightOptions} [options]
 */
function countProperty(target, property, name, options) {
  const { get } = descriptorOf(target, property);
  if (!get) return;
  /** @type {SafeWeakMap<object, Promise<any>>} */
  const known = new SafeWeakMap();
  patch(target, property, {
    __proto__: null,
    get() {
      const promise = ReflectApply(get, this, []);
      if (!isPromise(promise)) return promise;
      const before = known.get(promise);
      if (before) return before;
      const ours = counted(name, promise, options);
      known.set(promise, ours);
      return ours;
    },
  });
}

/**
 * Counts calls whose answer is a call of the page's function.
 * @param {any} target
 * @param {string} method
 * @param {string} name for reports
 * @param {number} place of the function among the arguments
 * @param {FlightOptions} [options]
 */
function countCallback(target, method, name, place, options) {
  const { value: call } = descriptorOf(target, method);
  if (typeof call !== "function") return;
  patch(target, method, function (...args) {
    const callback = args.length > place ? args[place] : undefined;
    if (typeof callback !== "function") return ReflectApply(call, this, args);
    const flight = work.begin(name, realm, options);
    args[place] = function (/** @type {any[]} */ ...answer) {
      work.end(flight);
      return ReflectApply(callback, this, answer);
    };
    try {
      return ReflectApply(call, this, args);
    } catch (error) {
      work.end(flight);
      throw error;
    }
  });
}

/** @type {any} */
const splitText = methodOf(String.prototype, "split");
/** The words of a text. @param {string} text @returns {string[]} */
const wordsOf = (text) => splitText(text, " ");

/**
 * Where a function of the realm's global object is kept: a worker inherits its own.
 * @param {string} name
 */
function ownerOf(name) {
  /** @type {object | undefined} */
  let owner = globalThis;
  while (owner && descriptorOf(owner, name).configurable === undefined) owner = ReflectGetPrototypeOf(owner) || undefined;
  return owner;
}

{
  /** @type {any} */
  const globals = globalThis;

  /**
   * @param {string} names of a class, or of an object of the language's, and of its methods
   * @param {FlightOptions} [options]
   */
  function count(names, options) {
    const parts = wordsOf(names);
    const className = parts[0];
    const { value: Class } = descriptorOf(globals, className);
    if (!Class) return;
    const target = Class.prototype || Class;
    for (let index = 1; index < parts.length; index += 1) {
      countPromise(target, parts[index], `${className}.${parts[index]}`, options);
    }
  }

  /** @type {FlightOptions} */
  const doubtful = { __proto__: null, doubtful: true };
  /** @type {FlightOptions} */
  const inFrame = { __proto__: null, frames: true };

  // Pictures, sound, fonts
  countPromise(ownerOf("createImageBitmap"), "createImageBitmap", "createImageBitmap");
  countCallback(globals.HTMLCanvasElement?.prototype, "toBlob", "HTMLCanvasElement.toBlob", 0, inFrame);
  count("OffscreenCanvas convertToBlob", inFrame);
  count("HTMLImageElement decode", inFrame);
  count("SVGImageElement decode", inFrame);
  count("BaseAudioContext decodeAudioData");
  count("FontFace load");
  count("FontFaceSet load");
  count("Worklet addModule");
  count("AudioWorklet addModule");
  count("ImageCapture takePhoto grabFrame getPhotoCapabilities getPhotoSettings", doubtful);

  {
    /** @type {SafeWeakSet<object>} */
    const suspended = new SafeWeakSet();
    const { value: Context } = descriptorOf(globals, "OfflineAudioContext");
    // The page goes on with a suspended rendering when it likes.
    after(Context?.prototype, "suspend", (context) => suspended.add(context));
    countPromise(Context?.prototype, "startRendering", "OfflineAudioContext.startRendering", (context) =>
      suspended.has(context) ? { __proto__: null, doubtful: true, resumes: true } : { __proto__: null },
    );
  }

  // Bytes and programs
  count("Blob arrayBuffer text bytes");
  count(
    "SubtleCrypto encrypt decrypt sign verify digest generateKey deriveKey deriveBits importKey exportKey wrapKey " +
      "unwrapKey encapsulateBits encapsulateKey decapsulateBits decapsulateKey",
  );
  count("WebAssembly compile instantiate");
  count("WebAssembly compileStreaming instantiateStreaming", doubtful);

  // Storage
  count("CacheStorage open match has delete keys");
  count("Cache match matchAll delete keys");
  count("Cache add addAll put", doubtful);
  count("StorageManager getDirectory persist persisted");
  count("StorageBucketManager open keys delete");
  count("StorageBucket getDirectory persist persisted estimate");
  count("CookieStore get getAll set delete");
  count("FileSystemHandle isSameEntry move remove queryPermission requestPermission getUniqueId");
  count("FileSystemDirectoryHandle getFileHandle getDirectoryHandle removeEntry resolve");
  count("FileSystemFileHandle getFile createSyncAccessHandle move");
  count("FileSystemWritableFileStream write seek truncate");
  count("Document hasStorageAccess requestStorageAccess", doubtful);

  // What the browser and the machine can do
  count("Permissions query request revoke", doubtful);
  count("MediaDevices enumerateDevices getUserMedia getDisplayMedia", doubtful);
  count("MediaCapabilities decodingInfo encodingInfo");
  count("Navigator getBattery requestMediaKeySystemAccess requestMIDIAccess", doubtful);
  count("Keyboard getLayoutMap", doubtful);
  count("NavigatorUAData getHighEntropyValues", doubtful);
  count("Bluetooth getAvailability getDevices", doubtful);
  count("USB getDevices", doubtful);
  count("HID getDevices", doubtful);
  count("Serial getPorts", doubtful);
  count("XRSystem isSessionSupported", doubtful);
  count("WakeLock request", doubtful);
  count("Clipboard read readText write writeText", doubtful);
  count("Element requestFullscreen", { __proto__: null, frames: true, doubtful: true });
  count("Document exitFullscreen", { __proto__: null, frames: true, doubtful: true });
  count("ScreenOrientation lock", doubtful);
  count("Element requestPointerLock", doubtful);
  count("HTMLVideoElement requestPictureInPicture", doubtful);
  count("Navigator share getInstalledRelatedApps", doubtful);
  count("CredentialsContainer get create store preventSilentAccess", doubtful);
  count("AudioContext suspend close", doubtful);
  count("RTCPeerConnection createOffer createAnswer setLocalDescription setRemoteDescription addIceCandidate getStats", doubtful);
  count("EyeDropper open", doubtful);
  count("CSSStyleSheet replace", doubtful);
  countPromise(globals.Notification, "requestPermission", "Notification.requestPermission", doubtful);
  countPromise(ownerOf("queryLocalFonts"), "queryLocalFonts", "queryLocalFonts", doubtful);

  // A lock that nobody holds is granted before the next question to the lock manager is answered, and so is the next in
  // the line when a script gives one back.
  const { value: LockManager } = descriptorOf(globals, "LockManager");
  if (LockManager) {
    const query = methodOf(LockManager.prototype, "query");
    const { value: request } = descriptorOf(LockManager.prototype, "request");
    const untilGranted = (/** @type {any} */ self) => {
      const flight = work.begin("LockManager.request", realm);
      const end = () => work.end(flight);
      whenSettled(query(self), end, end);
    };
    patch(LockManager.prototype, "request", function (...args) {
      const held = ReflectApply(request, this, args);
      if (!isPromise(held)) return held;
      untilGranted(this);
      return new NativePromise((resolve, reject) => {
        whenSettled(
          held,
          (value) => {
            untilGranted(this);
            resolve(value);
          },
          (error) => {
            untilGranted(this);
            reject(error);
          },
        );
      });
    });
  }

  // A message to other realms comes back to us when it has come to them. No other realm knows the channel's name.
  const { value: Channel } = descriptorOf(globals, "BroadcastChannel");
  if (Channel) {
    const post = methodOf(Channel.prototype, "postMessage");
    const setListener = setterOf(Channel.prototype, "onmessage");
    const name = `helios ${config.secret} ${Math.random()}`;
    /** @type {Flight[]} */
    const sent = list();
    let first = 0;
    /** @type {any} */
    let sender;
    const open = () => {
      if (sender) return;
      sender = new Channel(name);
      setListener(new Channel(name), () => {
        work.end(sent[first]);
        first += 1;
        if (first === sent.length) sent.length = first = 0;
      });
    };
    after(Channel.prototype, "postMessage", () => {
      kernel.posted += 1;
      try {
        open();
        post(sender, 0);
        append(sent, work.begin("BroadcastChannel.postMessage", realm));
      } catch {
        // a realm that has ended
      }
    });
  }
}

{
  // What WebGL answers when it is asked again: fences, and queries of what was drawn.
  const { value: Context } = descriptorOf(globalThis, "WebGL2RenderingContext");
  if (Context) {
    const { prototype } = Context;
    const syncOf = methodOf(prototype, "getSyncParameter");
    const queryOf = methodOf(prototype, "getQueryParameter");
    const currentQuery = methodOf(prototype, "getQuery");
    const isSync = methodOf(prototype, "isSync");
    const isQuery = methodOf(prototype, "isQuery");
    const { SYNC_STATUS, SIGNALED, QUERY_RESULT_AVAILABLE, CURRENT_QUERY } = Context;
    /** @type {any} */
    const targets = {
      __proto__: null,
      [Context.ANY_SAMPLES_PASSED]: true,
      [Context.ANY_SAMPLES_PASSED_CONSERVATIVE]: true,
      [Context.TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN]: true,
    };
    /** The work of each query that has ended. @type {SafeWeakMap<object, Flight>} */
    const queries = new SafeWeakMap();

    // Only what is there is asked, since an error would be the page's to find. What is deleted or lost is no longer there.
    after(prototype, "fenceSync", (context, _args, fence) => {
      if (!fence) return;
      const isOver = () => !isSync(context, fence) || syncOf(context, fence, SYNC_STATUS) === SIGNALED;
      work.begin("WebGL fenceSync", realm, { __proto__: null, ended: isOver });
    });
    const { value: endQuery } = descriptorOf(prototype, "endQuery");
    patch(prototype, "endQuery", function (...args) {
      /** @type {any} */
      let query;
      try {
        if (args.length > 0 && targets[args[0]]) query = currentQuery(this, args[0], CURRENT_QUERY);
      } catch {
        // called on what is no context, which the browser says itself
      }
      ReflectApply(endQuery, this, args);
      if (!query) return;
      const isOver = () => !isQuery(this, query) || queryOf(this, query, QUERY_RESULT_AVAILABLE) === true;
      queries.set(query, work.begin("WebGL endQuery", realm, { __proto__: null, ended: isOver }));
    });
    // One that begins anew has no answer until it has ended again.
    after(prototype, "beginQuery", (_context, args) => {
      const flight = args.length > 1 ? queries.get(args[1]) : undefined;
      if (flight) work.end(flight);
    });
  }
}
