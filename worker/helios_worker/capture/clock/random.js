// Seeded randomness: Math.random, crypto.getRandomValues, crypto.randomUUID. crypto.subtle stays the browser's own.
//
// Each realm has its own stream, seeded by its place in the frame tree, so that frames draw the same numbers in
// whatever order they load. The generator is sfc32 (Chris Doty-Humphrey, PractRand).

{
  const place = (() => {
    if (!isWindow) return `worker ${config.realmName}`;
    const path = [];
    try {
      for (let view = /** @type {Window} */ (window); view.parent !== view; view = view.parent) {
        let index = 0;
        while (view.parent[index] !== view) index += 1;
        path.unshift(index);
      }
    } catch {
      path.unshift("cross-origin");
    }
    return path.join("/");
  })();

  // FNV-1a over the seed and the realm's place.
  let hash = 0x811c9dc5;
  for (const character of `${config.seed}:${place}`) {
    hash = Math.imul(hash ^ /** @type {number} */ (character.codePointAt(0)), 0x01000193) >>> 0;
  }

  let [a, b, c, d] = [0x9e3779b9, hash, hash ^ 0x85ebca6b, 1];
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
    patch(Crypto.prototype, "getRandomValues", (array) => {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      for (let index = 0; index < bytes.length; index += 1) bytes[index] = next() & 0xff;
      return array;
    });
    patch(Crypto.prototype, "randomUUID", () => {
      const hex = Array.from({ length: 32 }, () => (next() & 15).toString(16));
      hex[12] = "4";
      hex[16] = "89ab"[next() & 3];
      const text = hex.join("");
      return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
    });
  }
}
