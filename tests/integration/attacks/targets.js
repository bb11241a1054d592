// Lists what a page can redefine: each property of the browser's objects whose name the clock uses, and everything of the
// language's own classes, whose methods and iterators an engine calls without a name in the source.
(names) => {
  const used = new Set(names);
  const LANGUAGE = ["Object", "Function", "Array", "String", "Number", "Boolean", "Symbol", "Math", "JSON", "Reflect", "Proxy",
    "Promise", "Map", "Set", "WeakMap", "WeakSet", "RegExp", "Date", "Error", "TypeError", "Iterator", "Uint8Array"];
  const found = [];
  const add = (owner, value, everything) => {
    for (const key of Reflect.ownKeys(value)) {
      const name = typeof key === "symbol" ? `@@${key.description.replace("Symbol.", "")}` : key;
      if (everything || typeof key === "symbol" || used.has(name)) found.push([owner, name]);
    }
  };
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (/^(attacked|window|document|location|top|names)$/.test(name) || name.startsWith("__helios")) continue;
    let value;
    try { value = globalThis[name]; } catch { continue; }
    const language = LANGUAGE.includes(name);
    if (used.has(name) || language) found.push(["globalThis", name]);
    if (value === null || !["function", "object"].includes(typeof value) || value === globalThis) continue;
    if (language || (typeof value === "function" && used.has(name))) add(name, value, language);
    if (typeof value === "function" && value.prototype && !name.startsWith("webkit")) add(`${name}.prototype`, value.prototype, language);
  }
  const hidden = {
    "Object.getPrototypeOf([][Symbol.iterator]())": Object.getPrototypeOf([][Symbol.iterator]()),
    "Object.getPrototypeOf(new Map()[Symbol.iterator]())": Object.getPrototypeOf(new Map()[Symbol.iterator]()),
    "Object.getPrototypeOf(new Set()[Symbol.iterator]())": Object.getPrototypeOf(new Set()[Symbol.iterator]()),
    "Object.getPrototypeOf(function* () {}).prototype": Object.getPrototypeOf(function* () {}).prototype,
    "Object.getPrototypeOf(async function () {})": Object.getPrototypeOf(async function () {}),
    "Object.getPrototypeOf(Uint8Array.prototype)": Object.getPrototypeOf(Uint8Array.prototype),
    "document": document,
    "window": window,
  };
  for (const [owner, value] of Object.entries(hidden)) add(owner, value, !["document", "window"].includes(owner));
  const aliases = { toJSON: 1, then: 1, get: 1, set: 1, value: 1, writable: 1, enumerable: 1, configurable: 1, constructor: 1, construct: 1, next: 1, done: 1, return: 1 };
  for (const name of [...used, ...Object.keys(aliases), "0", "1", "2"]) {
    if (!(name in Object.prototype)) found.push(["Object.prototype", `inherited ${name}`]);
  }
  for (const index of ["0", "1", "2", "3"]) found.push(["Array.prototype", `inherited ${index}`]);
  return found;
}
