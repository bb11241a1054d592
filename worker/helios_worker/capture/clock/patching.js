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
  const descriptor = descriptorOf(target, name);
  if (descriptor.configurable === undefined) return;
  if (typeof replacement === "function") {
    ReflectDefineProperty(replacement, "name", { __proto__: null, value: name });
    ReflectDefineProperty(target, name, { __proto__: null, ...descriptor, value: replacement });
  } else {
    ReflectDefineProperty(target, name, { __proto__: null, ...descriptor, ...replacement });
  }
}

/**
 * Runs a step after each call of one of the page's methods, or after each setting of one of its properties. What the
 * step throws does not reach the page.
 * @template {object} T
 * @param {T | undefined} target
 * @param {string} name
 * @param {(object: T, args: any[], result?: any) => void} step
 */
function after(target, name, step) {
  const { value: method, set } = descriptorOf(target, name);
  if (typeof method === "function") {
    patch(target, name, function (...args) {
      const result = ReflectApply(method, this, args);
      try {
        step(this, args, result);
      } catch {
        // called on what it is not a method of, which the browser's method may answer without throwing
      }
      return result;
    });
  } else if (set) {
    patch(target, name, {
      __proto__: null,
      set(value) {
        ReflectApply(set, this, [value]);
        try {
          step(this, [value]);
        } catch {
          // as above
        }
      },
    });
  }
}

/**
 * Runs a step after each reading of one of the page's properties. Does nothing where the browser lacks it. What the step
 * throws does not reach the page.
 * @template {object} T
 * @param {T | undefined} target
 * @param {string} name
 * @param {(object: T, value: any) => void} step
 */
function afterRead(target, name, step) {
  const { get } = descriptorOf(target, name);
  if (!get) return;
  patch(target, name, {
    __proto__: null,
    get() {
      const value = ReflectApply(get, this, []);
      try {
        step(this, value);
      } catch {
        // as for after()
      }
      return value;
    },
  });
}

/**
 * Runs a step before each construction of a browser's class. Does nothing where the browser lacks it.
 * @param {string} name
 * @param {(args: any[]) => void} step
 */
function onConstruct(name, step) {
  replaceClass(name, (args, make) => {
    try {
      step(args);
    } catch {
      // arguments that the browser's class refuses, too
    }
    return make(args);
  });
}

/**
 * Runs a step with each object that a browser's class makes. Does nothing where the browser lacks it. What the step throws
 * does not reach the page.
 * @param {string} name
 * @param {(object: any, args: any[]) => void} step
 */
function afterConstruct(name, step) {
  replaceClass(name, (args, make) => {
    const made = make(args);
    try {
      step(made, args);
    } catch {
      // as for after()
    }
    return made;
  });
}

/**
 * Has a function make the objects of a browser's class. Does nothing where the browser lacks it.
 * @param {string} name
 * @param {(args: any[], make: (args: any[]) => any) => any} construct
 */
function replaceClass(name, construct) {
  const { value: Native } = descriptorOf(globalThis, name);
  if (!Native) return;
  const Replacement = new NativeProxy(Native, {
    __proto__: null,
    construct: (target, args, newTarget) =>
      construct(args, (given) => ReflectConstruct(target, given, newTarget === Replacement ? target : newTarget)),
  });
  patch(globalThis, name, { __proto__: null, value: Replacement });
  patch(Native.prototype, "constructor", { __proto__: null, value: Replacement });
}

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
    return ReflectApply(callback, thisArgument, args);
  } catch (error) {
    report(error);
  }
}

/** An object for the page, as its own `{}` would be. @returns {any} */
const pageObject = () => ReflectConstruct(PlainObject, []);

/** A method of a thing of the page's, if it has it. @param {any} thing @param {string} name @returns {Function | undefined} */
const methodIn = (thing, name) => (thing && typeof thing[name] === "function" ? thing[name] : undefined);
