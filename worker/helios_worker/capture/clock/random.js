// Seeded randomness: Math.random, crypto.getRandomValues, crypto.randomUUID, and the secret keys that crypto.subtle makes.
// Its pairs of keys stay the browser's own, and the plan warns of them.
//
// Each realm has its own stream, seeded by its place in the frame tree, so that frames draw the same numbers in
// whatever order they load. The generator is sfc32 (Chris Doty-Humphrey, PractRand).

/** The script of a worklet's clock. */
const WORKLET_CLOCK = `(now, seed) => {
  "use strict";
  const Native = Date;
  const Virtual = function Date(...args) {
    if (!new.target) return new Native(now).toString();
    return Reflect.construct(Native, args.length === 0 ? [now] : args, new.target);
  };
  Virtual.prototype = Native.prototype;
  Virtual.now = () => now;
  Virtual.parse = Native.parse;
  Virtual.UTC = Native.UTC;
  Native.prototype.constructor = Virtual;
  globalThis.Date = Virtual;
  let state = seed;
  Math.random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const register = globalThis.registerPaint;
  if (register) globalThis.registerPaint = (name, Painter) => register(name, class extends Painter {
    paint(...args) {
      state = seed;
      return super.paint(...args);
    }
  });
}`;

{
  const place = (() => {
    if (!isWindow) return `worker ${config.realmName}`;
    let path = "";
    const parentOf = getterOf(/** @type {Window} */ (window), "parent");
    /** @param {number | string} step */
    const prepend = (step) => {
      path = path === "" ? `${step}` : `${step}/${path}`;
    };
    try {
      for (let view = /** @type {Window} */ (window); parentOf(view) !== view; view = parentOf(view)) {
        const outer = parentOf(view);
        let index = 0;
        while (outer[index] !== view) index += 1;
        prepend(index);
      }
    } catch {
      prepend("cross-origin");
    }
    return path;
  })();

  // FNV-1a over the seed and the realm's place.
  let hash = 0x811c9dc5;
  const text = `${config.seed}:${place}`;
  const codeAt = methodOf(String.prototype, "charCodeAt");
  for (let index = 0; index < text.length; index += 1) {
    hash = imul(hash ^ codeAt(text, index), 0x01000193) >>> 0;
  }

  let a = 0x9e3779b9;
  let b = hash;
  let c = hash ^ 0x85ebca6b;
  let d = 1;
  const next = () => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let warmUp = 0; warmUp < 15; warmUp += 1) next();

  Math.random = function random() {
    return (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53;
  };

  if (globalThis.Crypto) {
    const Bytes = Uint8Array;
    const typedArray = ReflectGetPrototypeOf(Uint8Array.prototype);
    const bufferOf = getterOf(/** @type {Uint8Array} */ (typedArray), "buffer");
    const offsetOf = getterOf(/** @type {Uint8Array} */ (typedArray), "byteOffset");
    const lengthOf = getterOf(/** @type {Uint8Array} */ (typedArray), "byteLength");
    const getRandomValues = methodOf(Crypto.prototype, "getRandomValues");
    patch(Crypto.prototype, "getRandomValues", function (array) {
      getRandomValues(/** @type {Crypto} */ (this), array); // which refuses what is no array of integers
      const length = lengthOf(array);
      const bytes = new Bytes(bufferOf(array), offsetOf(array), length);
      for (let index = 0; index < length; index += 1) bytes[index] = next() & 0xff;
      return array;
    });
    patch(Crypto.prototype, "randomUUID", () => {
      const digits = list();
      for (let index = 0; index < 32; index += 1) append(digits, "0123456789abcdef"[next() & 15]);
      digits[12] = "4";
      digits[16] = "89ab"[next() & 3];
      let uuid = "";
      for (let index = 0; index < 32; index += 1) {
        if (index === 8 || index === 12 || index === 16 || index === 20) uuid += "-";
        uuid += digits[index];
      }
      return uuid;
    });
  }

  if (globalThis.SubtleCrypto) {
    const { prototype } = SubtleCrypto;
    const Bytes = Uint8Array;
    const upper = methodOf(String.prototype, "toUpperCase");
    const generateKey = methodOf(prototype, "generateKey");
    const importKey = methodOf(prototype, "importKey");
    /** Bits of a key for HMAC where the page names none: the block of the hash. @type {Record<string, number | null>} */
    const blocks = { __proto__: null, "SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024 };
    /** @type {Record<string, true | null>} */
    const ciphers = { __proto__: null, "AES-CBC": true, "AES-CTR": true, "AES-GCM": true, "AES-KW": true };
    /** The name of an algorithm. @param {any} given a name, or an object that has one */
    const nameOf = (given) => {
      const name = given !== null && typeof given === "object" ? given.name : given;
      return typeof name === "string" ? upper(name) : "";
    };
    patch(prototype, "generateKey", function (algorithm, extractable, usages) {
      const self = /** @type {SubtleCrypto} */ (this);
      const name = nameOf(algorithm);
      const isSecret = ciphers[name] || name === "HMAC";
      const length = isSecret ? (algorithm.length ?? blocks[nameOf(algorithm.hash)] ?? 0) : 0;
      const fits = ciphers[name] ? length === 128 || length === 192 || length === 256 : length > 0 && length % 8 === 0;
      if (!fits) {
        realm.byChance(isSecret ? "makes a key of an odd length" : "makes a pair of keys");
        return generateKey(self, algorithm, extractable, usages);
      }
      const bytes = new Bytes(length / 8);
      for (let index = 0; index < length / 8; index += 1) bytes[index] = next() & 0xff;
      return importKey(self, "raw", bytes, algorithm, extractable, usages);
    });
  }

  // Worklets have no clock of their own. They see the time at which their module was added, and one stream of numbers,
  // which a painter gets anew for each picture.
  if (globalThis.Worklet) {
    const addModule = methodOf(Worklet.prototype, "addModule");
    const encode = encodeURIComponent;
    const seed = hash | 0;
    patch(Worklet.prototype, "addModule", function (url, options) {
      const self = /** @type {Worklet} */ (this);
      const script = encode(`(${WORKLET_CLOCK})(${wallClock()}, ${seed})`);
      return new NativePromise((resolve, reject) => {
        const go = () => whenSettled(addModule(self, url, options), resolve, reject);
        whenSettled(addModule(self, `data:text/javascript,${script}`), go, go);
      });
    });
  }
}
