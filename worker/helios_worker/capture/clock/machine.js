// What differs from machine to machine, or from run to run by chance: each is the same everywhere.

{
  /**
   * Has a property always say the same.
   * @param {string} name of the class
   * @param {string} property
   * @param {unknown} value
   */
  const fix = (name, property, value) => {
    const { value: Class } = descriptorOf(globalThis, name);
    if (Class) patch(Class.prototype, property, { __proto__: null, get: () => value });
  };

  /** @param {unknown} value */
  const answered = (value) => new NativePromise((resolve) => resolve(value));

  // The connection, as it is measured.
  fix("NetworkInformation", "rtt", 50);
  fix("NetworkInformation", "downlink", 10);
  fix("NetworkInformation", "effectiveType", "4g");
  fix("NetworkInformation", "saveData", false);
  fix("NetworkInformation", "type", "unknown");
  fix("NetworkInformation", "downlinkMax", Infinity);

  // The machine.
  fix("Navigator", "deviceMemory", 8);
  fix("WorkerNavigator", "deviceMemory", 8);
  fix("WorkerNavigator", "hardwareConcurrency", 4);
  fix("BatteryManager", "charging", true);
  fix("BatteryManager", "level", 1);
  fix("BatteryManager", "chargingTime", 0);
  fix("BatteryManager", "dischargingTime", Infinity);
  fix("NavigatorUAData", "platform", "Linux");
  if (globalThis.NavigatorUAData) {
    const getValues = methodOf(NavigatorUAData.prototype, "getHighEntropyValues");
    patch(NavigatorUAData.prototype, "getHighEntropyValues", function (hints) {
      const found = getValues(/** @type {any} */ (this), hints);
      /** @param {any} values */
      const same = (values) => {
        if (values.platformVersion !== undefined) values.platformVersion = "";
        return values;
      };
      return new NativePromise((resolve, reject) => whenSettled(found, (values) => resolve(same(values)), reject));
    });
  }

  // Storage: how much there is of it.
  if (globalThis.StorageManager) {
    patch(StorageManager.prototype, "estimate", () =>
      answered({
        __proto__: ObjectPrototype,
        quota: 10_737_418_240,
        usage: 0,
        usageDetails: { __proto__: ObjectPrototype },
      }),
    );
  }
  const { value: Quota } = descriptorOf(globalThis, "DeprecatedStorageQuota");
  if (Quota) {
    patch(Quota.prototype, "queryUsageAndQuota", (done) => {
      native.setTimeout(() => callPage(done, undefined, [0, 10_737_418_240]), 0);
    });
  }

  // Names by chance: of entries of the page's history.
  if (globalThis.NavigationHistoryEntry) {
    const indexOf = getterOf(NavigationHistoryEntry.prototype, "index");
    /** @param {number} digit that keys and IDs differ in */
    const name = (digit) => ({
      __proto__: null,
      get() {
        const index = indexOf(/** @type {any} */ (this));
        return index < 0 ? "" : `00000000-0000-4000-${digit}000-${stringSlice(`00000000000${index}`, -12)}`;
      },
    });
    patch(NavigationHistoryEntry.prototype, "key", name(8));
    patch(NavigationHistoryEntry.prototype, "id", name(9));
  }
}
