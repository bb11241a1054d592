// The language's own functions, taken before any script of the page can replace them.
//
// A page may redefine whatever it reaches: methods of Array, Map and Promise, the iterators behind for-of and spread,
// what inherits from Object.prototype. The clock must not run a line of that, or the page decides what time it is. So:
//
// - Methods and accessors are called through what methodOf(), getterOf() and setterOf() took while a realm was new.
// - Objects and lists inherit nothing (`__proto__: null`, list()); SafeMap and its like bring their methods along.
// - `await own(promise)`, since a plain await asks the promise for its constructor, which the page may have set.
// - No iteration protocol, no instanceof, no regular expressions: each asks a property that a page can redefine.
//
// scripts/javascript/eslint.config.js refuses the rest. Strict mode belongs to it: functions that are not strict can be
// reached from a callback (Error.prepareStackTrace, Function.prototype.caller).

const {
  apply: ReflectApply,
  construct: ReflectConstruct,
  defineProperty: ReflectDefineProperty,
  deleteProperty: ReflectDeleteProperty,
  getOwnPropertyDescriptor: ReflectGetOwnPropertyDescriptor,
  getPrototypeOf: ReflectGetPrototypeOf,
  ownKeys: ReflectOwnKeys,
  setPrototypeOf: ReflectSetPrototypeOf,
} = Reflect;
const { assign: ObjectAssign, freeze: ObjectFreeze, keys: ObjectKeys, prototype: ObjectPrototype } = Object;
const { abs, ceil, floor, imul, max, min, trunc } = Math;
const { isFinite: NumberIsFinite } = Number;
const { stringify: JSONStringify } = JSON;
/** The length of the film, in a page that is opened to hear what it plays; undefined in others. */
const HEARD_SECONDS = config.hears;
const ArrayPrototype = Array.prototype;
const NativeBoolean = Boolean;
const NativeNumber = Number;
const NativePromise = Promise;
const NativeProxy = Proxy;
const PlainObject = Object;
const NativeString = String;
const NativeTypeError = TypeError;
const indirectEval = globalThis.eval;

/**
 * A function that takes as its first argument what the given one takes as `this`.
 * @type {<T, A extends any[], R>(method: (this: T, ...args: A) => R) => (self: T, ...args: A) => R}
 */
const uncurryThis = /** @type {any} */ (Function.prototype.bind.bind(Function.prototype.call));

/**
 * A method, as a function of its object.
 * @template {object} T
 * @template {keyof T} K
 * @param {T} target
 * @param {K} name
 * @returns {T[K] extends (...args: infer A) => infer R ? (self: T, ...args: A) => R : never}
 */
const methodOf = (target, name) => /** @type {any} */ (uncurryThis(/** @type {any} */ (target[name])));

/**
 * The descriptor of an object's own property, empty where it has none.
 * @param {object | undefined} target
 * @param {PropertyKey} name
 * @returns {PropertyDescriptor}
 */
function descriptorOf(target, name) {
  const found = target && ReflectGetOwnPropertyDescriptor(target, name);
  if (!found) return { __proto__: null };
  ReflectSetPrototypeOf(found, null);
  return found;
}

/**
 * The getter of a property, as a function of its object. undefined is read where the browser lacks the property.
 * @template {object} T
 * @template {keyof T} K
 * @param {T} target
 * @param {K} name
 * @returns {(self: T) => T[K]}
 */
const getterOf = (target, name) => {
  const { get } = descriptorOf(target, name);
  return get ? uncurryThis(get) : () => /** @type {any} */ (undefined);
};

/**
 * The setter of a property, as a function of its object.
 * @template {object} T
 * @template {keyof T} K
 * @param {T} target
 * @param {K} name
 * @returns {(self: T, value: T[K]) => void}
 */
const setterOf = (target, name) => {
  const { set } = descriptorOf(target, name);
  return set ? uncurryThis(set) : () => {};
};

/**
 * A list of these items that inherits nothing: neither methods, nor setters for its indices.
 * @template T
 * @param {T[]} items
 * @returns {T[]}
 */
const list = (...items) => {
  ReflectSetPrototypeOf(items, null);
  return items;
};

/**
 * Adds an item to a list().
 * @template T
 * @param {T[]} items
 * @param {T} item
 */
const append = (items, item) => {
  items[items.length] = item;
};

/**
 * A list() of the same items but for one.
 * @template T
 * @param {T[]} items
 * @param {T} gone
 */
function without(items, gone) {
  /** @type {T[]} */
  const left = list();
  for (let index = 0; index < items.length; index += 1) if (items[index] !== gone) append(left, items[index]);
  return left;
}

/**
 * Moves the methods of a collection into a class that inherits nothing else.
 * @param {Function} Unsafe
 * @param {Function} Safe
 */
function makeSafe(Unsafe, Safe) {
  const names = ReflectOwnKeys(Unsafe.prototype);
  for (let index = 0; index < names.length; index += 1) {
    if (names[index] === "constructor") continue;
    ReflectDefineProperty(Safe.prototype, names[index], descriptorOf(Unsafe.prototype, names[index]));
  }
  ReflectSetPrototypeOf(Safe.prototype, null);
  ObjectFreeze(Safe.prototype);
}

/** @template K, V @extends {Map<K, V>} */
class SafeMap extends Map {}
makeSafe(Map, SafeMap);
/** @template T @extends {Set<T>} */
class SafeSet extends Set {}
makeSafe(Set, SafeSet);
/** @template {WeakKey} K @template V @extends {WeakMap<K, V>} */
class SafeWeakMap extends WeakMap {}
makeSafe(WeakMap, SafeWeakMap);
/** @template {WeakKey} T @extends {WeakSet<T>} */
class SafeWeakSet extends WeakSet {}
makeSafe(WeakSet, SafeWeakSet);

/**
 * The keys of a map, or the members of a set, as a list().
 * @template T
 * @param {{ forEach(visit: (value: any, key: T) => void): void }} collection
 * @returns {T[]}
 */
function keysOf(collection) {
  /** @type {T[]} */
  const keys = list();
  collection.forEach((_value, key) => append(keys, key));
  return keys;
}

const NativePromiseThen = Promise.prototype.then;
const OWN = ObjectFreeze({ __proto__: null, constructor: NativePromise, then: NativePromiseThen });
// then() makes its result by the promise's constructor, or natively where there is none.
const FOR_DRIVER = ObjectFreeze({ __proto__: null, constructor: undefined, then: NativePromiseThen });

/**
 * A promise of the clock's own, to be awaited.
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function own(promise) {
  ReflectSetPrototypeOf(promise, OWN);
  return promise;
}

/**
 * A promise of the clock's own, to be awaited by the driver.
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function forDriver(promise) {
  ReflectSetPrototypeOf(promise, FOR_DRIVER);
  return promise;
}

/**
 * Calls back once a promise of the page's or the browser's has settled, whatever the page made of its prototype.
 *
 * Something else with a then(), which is the page's own, is called as it is.
 * @param {any} promise
 * @param {(value?: any) => void} done
 * @param {(error?: any) => void} failed
 */
function whenSettled(promise, done, failed) {
  const hidden = { __proto__: null, value: undefined, configurable: true };
  let covered = false;
  try {
    covered = descriptorOf(promise, "constructor").configurable === undefined;
    covered = covered && ReflectDefineProperty(promise, "constructor", hidden);
    ReflectApply(NativePromiseThen, promise, [done, failed]);
  } catch {
    ReflectApply(promise.then, promise, [done, failed]);
  } finally {
    if (covered) ReflectDeleteProperty(promise, "constructor");
  }
}

/**
 * A promise of the clock's own that settles with the page's or the browser's.
 * @param {any} promise
 * @returns {Promise<void>}
 */
const settled = (promise) =>
  new NativePromise((resolve, reject) => {
    // Like a plain await, which also takes what is no promise.
    const isPromise = promise !== null && promise !== undefined && typeof promise.then === "function";
    if (isPromise) whenSettled(promise, () => resolve(undefined), reject);
    else resolve(undefined);
  });

/** Does nothing, for errors that are of no interest. */
const ignore = () => {};
