// Seeded randomness: Math.random, crypto.getRandomValues, crypto.randomUUID. crypto.subtle stays the browser's own.
//
// Each realm has its own stream, seeded by its place in the frame tree, so that frames draw the same numbers in
// whatever order they load. The generator is sfc32 (Chris Doty-Humphrey, PractRand).

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
}
