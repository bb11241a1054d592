// How the clock's other files replace what a page calls, and how they call the page back.

/**
 * Replaces a method or accessor in place and keeps its name and enumerability. Does nothing where the browser lacks it.
 * @template {object} T
 * @param {T | undefined} target
 * @param {string} name
 * @param {((this: T, ...args: any[]) => any) | (PropertyDescriptor & ThisType<T>)} replacement
 */
function patch(target, name, replacement) {
  if (!target) return;
  const descriptor = Object.getOwnPropertyDescriptor(target, name);
  if (!descriptor) return;
  if (typeof replacement === "function") {
    Object.defineProperty(replacement, "name", { value: name });
    Object.defineProperty(target, name, { ...descriptor, value: replacement });
  } else {
    Object.defineProperty(target, name, { ...descriptor, ...replacement });
  }
}

/**
 * Runs a step after each call of one of the page's methods, or after each setting of one of its properties.
 * @template {object} T
 * @param {T | undefined} target
 * @param {string} name
 * @param {(object: T, args: any[], result?: any) => void} step
 */
function after(target, name, step) {
  const { value: method, set } = (target && Object.getOwnPropertyDescriptor(target, name)) || {};
  if (typeof method === "function") {
    patch(target, name, function (...args) {
      const result = method.apply(this, args);
      step(this, args, result);
      return result;
    });
  } else if (set) {
    patch(target, name, {
      set(value) {
        set.call(this, value);
        step(this, [value]);
      },
    });
  }
}

/**
 * Runs a step before each construction of a browser's class. Does nothing where the browser lacks it.
 * @param {string} name
 * @param {(...args: any[]) => void} step
 */
function onConstruct(name, step) {
  const scope = /** @type {any} */ (globalThis);
  const Native = scope[name];
  if (!Native) return;
  scope[name] = new Proxy(Native, {
    construct(target, args, newTarget) {
      step(...args);
      return Reflect.construct(target, args, newTarget);
    },
  });
}

/**
 * The getter and setter of a property that every browser we drive has.
 * @param {object} target
 * @param {string} name
 */
const accessor = (target, name) =>
  /** @type {{ get: () => any, set: (value: any) => void }} */ (Object.getOwnPropertyDescriptor(target, name));

/**
 * Reports an error as an uncaught error of the page.
 * @type {(error: unknown) => void}
 */
const report = globalThis.reportError
  ? globalThis.reportError.bind(globalThis)
  : (error) =>
      native.setTimeout(() => {
        throw error;
      });

/**
 * Calls one of the page's callbacks and reports what it throws as the page's uncaught error.
 * @param {Function} callback
 * @param {unknown} thisArgument
 * @param {unknown[]} args
 */
function callPage(callback, thisArgument, args) {
  try {
    return callback.apply(thisArgument, args);
  } catch (error) {
    report(error);
  }
}
