// What a browser may have and ours cannot offer. It is not there, as in an older browser, so that a page that asks
// whether it is there takes its other way.

{
  /** @type {any} */
  const globals = globalThis;
  const startsWith = methodOf(String.prototype, "startsWith");

  /** @param {object | undefined} owner @param {string} name */
  const remove = (owner, name) => {
    if (owner && descriptorOf(owner, name).configurable) ReflectDeleteProperty(owner, name);
  };
  /** @param {string} property of navigator */
  const removeFromNavigator = (property) => {
    remove(globals.Navigator?.prototype, property);
    remove(globals.WorkerNavigator?.prototype, property);
  };

  // Service workers would answer in place of the recorded answers, and what belongs to them needs them.
  removeFromNavigator("serviceWorker");
  const gone = list("ServiceWorker", "ServiceWorkerContainer", "ServiceWorkerRegistration", "NavigationPreloadManager");
  append(gone, "PushManager");
  append(gone, "PushSubscription");
  append(gone, "PushSubscriptionOptions");
  append(gone, "SyncManager");
  append(gone, "PeriodicSyncManager");
  append(gone, "BackgroundFetchManager");
  append(gone, "BackgroundFetchRecord");
  append(gone, "BackgroundFetchRegistration");
  append(gone, "CookieStoreManager");
  for (let index = 0; index < gone.length; index += 1) remove(globals, gone[index]);

  // There is no graphics processor, so WebGPU has no adapter.
  removeFromNavigator("gpu");
  const names = ReflectOwnKeys(globals);
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index];
    if (typeof name === "string" && startsWith(name, "GPU")) remove(globals, name);
  }
  /** @param {string} className */
  const withoutWebGpu = (className) => {
    const { value: Canvas } = descriptorOf(globals, className);
    const { value: getContext } = descriptorOf(Canvas?.prototype, "getContext");
    if (!getContext) return;
    patch(Canvas.prototype, "getContext", function (...args) {
      if (args.length > 0 && args[0] === "webgpu") return null;
      return ReflectApply(getContext, this, args);
    });
  };
  withoutWebGpu("HTMLCanvasElement");
  withoutWebGpu("OffscreenCanvas");

  // Extensions of WebGL that tell how far the graphics process has come, or how long it took.
  /** @type {Record<string, true | null>} */
  const extensions = {
    __proto__: null,
    KHR_parallel_shader_compile: true,
    EXT_disjoint_timer_query: true,
    EXT_disjoint_timer_query_webgl2: true,
  };
  const lower = methodOf(String.prototype, "toLowerCase");
  /** @type {Record<string, true | null>} */
  const asked = { __proto__: null };
  const named = ObjectKeys(extensions);
  for (let index = 0; index < named.length; index += 1) asked[lower(named[index])] = true;
  /** @param {string} className */
  const withoutExtensions = (className) => {
    const { value: Context } = descriptorOf(globals, className);
    const { value: getExtension } = descriptorOf(Context?.prototype, "getExtension");
    const { value: getSupported } = descriptorOf(Context?.prototype, "getSupportedExtensions");
    if (!getExtension || !getSupported) return;
    patch(Context.prototype, "getExtension", function (...args) {
      if (args.length > 0 && typeof args[0] === "string" && asked[lower(args[0])]) return null;
      return ReflectApply(getExtension, this, args);
    });
    patch(Context.prototype, "getSupportedExtensions", function () {
      const all = ReflectApply(getSupported, this, []);
      if (!all) return all;
      /** @type {string[]} */
      const left = list();
      for (let index = 0; index < all.length; index += 1) {
        if (!extensions[all[index]]) append(left, all[index]);
      }
      ReflectSetPrototypeOf(left, ArrayPrototype);
      return left;
    });
  };
  withoutExtensions("WebGLRenderingContext");
  withoutExtensions("WebGL2RenderingContext");
}
