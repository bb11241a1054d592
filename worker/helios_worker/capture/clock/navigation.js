// Where a document goes on to another one: seen as it begins, and refreshes of the markup's at the film's time.
//
// The browser counts the seconds of `<meta http-equiv="refresh">` and of the Refresh header on its own clock. The driver
// hears of such a timer when it starts and says so (refresh()). A timer of the clock's then does what the browser's
// would, and the browser's own is stopped whenever it fires.

if (isWindow && globalThis.navigation && globalThis.NavigateEvent) {
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const cancel = methodOf(Event.prototype, "preventDefault");
  const destinationOf = getterOf(NavigateEvent.prototype, "destination");
  const typeOf = getterOf(NavigateEvent.prototype, "navigationType");
  const formOf = getterOf(NavigateEvent.prototype, "formData");
  const elementOf = getterOf(NavigateEvent.prototype, "sourceElement");
  const isWithin = getterOf(NavigationDestination.prototype, "sameDocument");
  const destination = getterOf(NavigationDestination.prototype, "url");
  const hrefOf = getterOf(URL.prototype, "href");
  const setHash = setterOf(URL.prototype, "hash");
  const documentAddress = getterOf(Document.prototype, "URL");
  const Address = URL;
  const here = window.location;
  const reload = methodOf(here, "reload");
  const replace = methodOf(here, "replace");
  const assign = methodOf(here, "assign");
  const isTop = window.parent === window;
  const listening = { __proto__: null, capture: true };

  /** The addresses that a refresh waits to go to. @type {SafeSet<string>} */
  const awaited = new SafeSet();
  let byScript = true;

  // Between two listeners the browser runs microtasks, but not where a script is running that set the event off.
  listen(
    navigation,
    "navigate",
    () => {
      byScript = true;
      whenSettled(new NativePromise((resolve) => resolve(undefined)), () => (byScript = false), ignore);
    },
    listening,
  );
  listen(
    navigation,
    "navigate",
    (/** @type {any} */ event) => {
      const to = destinationOf(event);
      if (isWithin(to)) return;
      const isRefresh = !byScript && !elementOf(event) && !formOf(event) && typeOf(event) !== "traverse";
      if (isRefresh && awaited.has(destination(to))) {
        cancel(event);
        return;
      }
      kernel.loads += 1;
      noteLeaving();
    },
    listening,
  );

  let refreshing = false;
  /** Tells the driver that the page itself, not one of its frames, is about to leave its document, and why. */
  const noteLeaving = () => {
    if (isTop) tellDriver({ __proto__: null, leaving: refreshing });
  };

  /** @param {string} url */
  const withoutFragment = (url) => {
    const address = new Address(url);
    setHash(address, "");
    return hrefOf(address);
  };

  realm.refresh = (url, delay) => {
    awaited.add(url);
    kernel.scheduleOwn(kernel.now + delay, "the document's refresh", () => {
      if (!realm.alive()) return;
      refreshing = true;
      // As the browser does it: a refresh within a second leaves nothing to go back to.
      if (withoutFragment(url) === withoutFragment(documentAddress(document))) reload(here);
      else if (delay <= 1000) replace(here, url);
      else assign(here, url);
      refreshing = false;
    });
  };

  // The browser goes through the history a little later, and nothing here says whether anything comes of it.
  /** @param {"back" | "forward" | "go"} name */
  const noteTraversal = (name) =>
    after(History.prototype, name, () => {
      kernel.loads += 1;
      tellDriver({ __proto__: null, traverses: true });
    });
  noteTraversal("back");
  noteTraversal("forward");
  noteTraversal("go");

  note(HTMLIFrameElement.prototype, "src");
  note(HTMLIFrameElement.prototype, "srcdoc");
}

if (isWindow) {
  const stateOf = getterOf(Document.prototype, "readyState");
  const rootOf = getterOf(Document.prototype, "documentElement");
  const boundsOf = methodOf(Element.prototype, "getBoundingClientRect");
  let waits = false;
  realm.layOut = () => {
    const waited = waits;
    waits = stateOf(document) === "interactive";
    if (waited && waits) boundsOf(rootOf(document));
  };

  // A window that a user opened may close itself. A film goes on to its end.
  let isTold = false;
  patch(globalThis, "close", () => {
    if (isTold) return;
    isTold = true;
    const text = "the page closes its window, which does nothing: a film goes on to its end";
    tellDriver({ __proto__: null, text });
  });
}
