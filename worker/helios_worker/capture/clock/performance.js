// Performance entries: marks and measures are made in virtual time. What the browser measures by its own clock counts as
// done in no time at the time origin; entries that come or not as the machine is fast or slow do not come.

{
  const LANES = ["mark", "measure", "navigation", "resource"];
  /** @type {Record<string, true | null>} */
  const kept = { __proto__: null, mark: true, measure: true, navigation: true, resource: true };
  const typeOf = getterOf(PerformanceEntry.prototype, "entryType");
  const nameOf = getterOf(PerformanceEntry.prototype, "name");
  const startOf = getterOf(PerformanceEntry.prototype, "startTime");
  const lengthOf = getterOf(PerformanceEntry.prototype, "duration");
  const freezeList = ObjectFreeze(LANES);

  /** Whether an entry was made in virtual time. @param {any} entry */
  const isOurs = (entry) => {
    const type = typeOf(entry);
    return type === "mark" || type === "measure";
  };
  /** @param {object} options */
  const has = (/** @type {any} */ options, /** @type {string} */ name) => options[name] !== undefined;

  const mark = methodOf(Performance.prototype, "mark");
  patch(Performance.prototype, "mark", function (name, options) {
    const startTime = options && has(options, "startTime") ? options.startTime : now();
    return mark(/** @type {Performance} */ (this), name, { __proto__: null, ...options, startTime });
  });
  replaceClass("PerformanceMark", (args, make) => {
    if (args.length === 0) return make(args); // which throws
    const options = args.length > 1 ? args[1] : undefined;
    const startTime = options && has(options, "startTime") ? options.startTime : now();
    return make([args[0], { __proto__: null, ...options, startTime }]);
  });

  /** What a page gives as a mark: names of the loading of a document are times at the origin. @param {any} given */
  const markOf = (given) => (typeof given === "string" && timingNames[given] ? 0 : given);
  /** @type {Record<string, true | null>} */
  const timingNames = { __proto__: null };

  const measure = methodOf(Performance.prototype, "measure");
  patch(Performance.prototype, "measure", function (name, start, end) {
    const self = /** @type {Performance} */ (this);
    if (start !== null && typeof start === "object") {
      const options = { __proto__: null, ...start };
      if (has(options, "start")) options.start = markOf(options.start);
      if (has(options, "end")) options.end = markOf(options.end);
      else if (!(has(options, "start") && has(options, "duration"))) options.end = now();
      return measure(self, name, options);
    }
    return measure(self, name, {
      __proto__: null,
      start: start === undefined ? 0 : markOf(start),
      end: end === undefined ? now() : markOf(end),
    });
  });

  /** @param {any} entry @param {number} value */
  const nothing = (entry, value) => (isOurs(entry) ? value : 0);
  patch(PerformanceEntry.prototype, "startTime", {
    __proto__: null,
    get() {
      return nothing(this, startOf(/** @type {any} */ (this)));
    },
  });
  patch(PerformanceEntry.prototype, "duration", {
    __proto__: null,
    get() {
      return nothing(this, lengthOf(/** @type {any} */ (this)));
    },
  });

  patch(PerformanceEntry.prototype, "navigationId", { __proto__: null, get: () => 1 });

  // Numbers of these that are no times: sizes and counts.
  /** @type {Record<string, true | null>} */
  const untimed = {
    __proto__: null,
    ...{ transferSize: true, encodedBodySize: true, decodedBodySize: true, responseStatus: true },
    ...{ redirectCount: true, TYPE_NAVIGATE: true, TYPE_RELOAD: true, TYPE_BACK_FORWARD: true, TYPE_RESERVED: true },
  };

  /**
   * Has the times of a class all be one time, where there is one at all.
   * @param {string} name of the class
   * @param {() => number} time
   */
  function flatten(name, time) {
    const { value: Class } = descriptorOf(globalThis, name);
    if (!Class) return;
    const { prototype } = Class;
    const names = ReflectOwnKeys(prototype);
    for (let index = 0; index < names.length; index += 1) {
      const key = /** @type {string} */ (names[index]);
      const { get, value } = descriptorOf(prototype, key);
      if (get && typeof key === "string" && !untimed[key]) {
        if (name === "PerformanceTiming") timingNames[key] = true;
        patch(prototype, key, {
          __proto__: null,
          get() {
            const native = ReflectApply(get, this, []);
            // While the document still arrives, chance says whether its end is there yet.
            return typeof native === "number" && (native > 0 || key === "responseEnd") ? time() : native;
          },
        });
      }
      if (key === "toJSON" && typeof value === "function") rewriteJson(prototype);
    }
  }

  /**
   * Has toJSON() say what the properties say.
   * @param {any} prototype
   */
  function rewriteJson(prototype) {
    const { value: toJSON } = descriptorOf(prototype, "toJSON");
    patch(prototype, "toJSON", function () {
      const native = ReflectApply(toJSON, this, []);
      const names = ObjectKeys(native);
      for (let index = 0; index < names.length; index += 1) {
        if (typeof native[names[index]] === "number") native[names[index]] = /** @type {any} */ (this)[names[index]];
      }
      return native;
    });
  }

  /**
   * Has a size of the document itself be 0: how much of it has arrived is chance.
   * @param {"transferSize" | "encodedBodySize" | "decodedBodySize"} key
   */
  function hideSize(key) {
    const sizeOf = getterOf(PerformanceResourceTiming.prototype, key);
    patch(PerformanceResourceTiming.prototype, key, {
      __proto__: null,
      get() {
        const size = sizeOf(this);
        return typeOf(this) === "navigation" ? 0 : size;
      },
    });
  }

  hideSize("transferSize");
  hideSize("encodedBodySize");
  hideSize("decodedBodySize");
  flatten("PerformanceTiming", () => config.epochMs + kernel.startedAt + birth);
  flatten("PerformanceResourceTiming", () => 0);
  flatten("PerformanceNavigationTiming", () => 0);
  rewriteJson(PerformanceEntry.prototype);
  const { value: toJSON } = descriptorOf(Performance.prototype, "toJSON");
  patch(Performance.prototype, "toJSON", function () {
    const native = ReflectApply(toJSON, this, []);
    native.timeOrigin = config.epochMs + birth;
    return native;
  });

  /**
   * Those of some entries that come whatever the machine. Files are in the order of their names, since answers come in
   * any.
   * @param {PerformanceEntry[]} entries
   */
  function keep(entries) {
    /** @type {PerformanceEntry[]} */
    const left = list();
    const { length } = entries;
    for (let index = 0; index < length; index += 1) {
      const entry = entries[index];
      const type = typeOf(entry);
      if (!kept[type] || stringSlice(nameOf(entry), -IMAGE_CHECK.length) === IMAGE_CHECK) continue;
      let at = left.length;
      if (type === "resource") {
        while (at > 0 && typeOf(left[at - 1]) === "resource" && nameOf(left[at - 1]) > nameOf(entry)) at -= 1;
      }
      for (let later = left.length; later > at; later -= 1) left[later] = left[later - 1];
      left[at] = entry;
    }
    ReflectSetPrototypeOf(left, ArrayPrototype);
    return left;
  }

  /** @param {any} owner */
  function keepIn(owner) {
    /** @param {"getEntries" | "getEntriesByName" | "getEntriesByType"} name */
    const wrap = (name) => {
      const { value: get } = descriptorOf(owner, name);
      if (!get) return;
      patch(owner, name, function (...args) {
        return keep(ReflectApply(get, this, args));
      });
    };
    wrap("getEntries");
    wrap("getEntriesByName");
    wrap("getEntriesByType");
  }
  keepIn(Performance.prototype);
  keepIn(globalThis.PerformanceObserverEntryList?.prototype);

  if (globalThis.PerformanceObserver) {
    const observe = methodOf(PerformanceObserver.prototype, "observe");
    patch(PerformanceObserver.prototype, "observe", function (options) {
      const self = /** @type {PerformanceObserver} */ (this);
      if (options && typeof options.type === "string" && !kept[options.type]) return undefined;
      if (options && typeof options.entryTypes === "object") {
        /** @type {any[]} */
        const types = [];
        const { entryTypes } = options;
        for (let index = 0; index < entryTypes.length; index += 1) {
          if (kept[entryTypes[index]]) define(types, types.length, entryTypes[index]);
        }
        if (entryTypes.length > 0 && types.length === 0) return undefined;
        return observe(self, { __proto__: null, ...options, entryTypes: types });
      }
      return observe(self, options);
    });
    patch(PerformanceObserver, "supportedEntryTypes", { __proto__: null, get: () => freezeList });
  }

  /** @param {any[]} items @param {number} index @param {unknown} value */
  function define(items, index, value) {
    const own = { __proto__: null, value, writable: true, enumerable: true, configurable: true };
    ReflectDefineProperty(items, index, own);
  }

  // What Chrome says of its memory.
  const { value: MemoryInfo } = descriptorOf(globalThis, "MemoryInfo");
  const memory = globalThis.performance && /** @type {any} */ (performance).memory;
  const memoryOwner = MemoryInfo ? MemoryInfo.prototype : memory && ReflectGetPrototypeOf(memory);
  patch(memoryOwner, "usedJSHeapSize", { __proto__: null, get: () => 10_000_000 });
  patch(memoryOwner, "totalJSHeapSize", { __proto__: null, get: () => 10_000_000 });
  patch(memoryOwner, "jsHeapSizeLimit", { __proto__: null, get: () => 4_294_705_152 });
}
