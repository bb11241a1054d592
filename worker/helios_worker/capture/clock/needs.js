// What a page listens to or uses that only a frame of the browser's own brings: events of animations and media,
// observers, view transitions, canvases of workers, <marquee>.
//
// Such frames cost time, so the kernel asks for them only once a page has shown that it needs them. steps.js asks.

if (isWindow) {
  const { needs } = kernel;
  const needEvents = () => {
    needs.events = true;
  };

  // Animations and media: their events get a frame at the exact time.
  /** @type {Record<string, true | null>} */
  const eventful = {
    __proto__: null,
    ...{ animationstart: true, animationrun: true, animationend: true, animationcancel: true },
    ...{ transitionstart: true, transitionrun: true, transitionend: true, transitioncancel: true },
    ...{ finish: true, ended: true, pause: true, seeked: true },
  };
  after(EventTarget.prototype, "addEventListener", (_target, args) => {
    const type = args.length > 0 ? args[0] : undefined;
    if (typeof type !== "string") return;
    if (eventful[type]) needs.events = true;
    if (type === "storage") needs.storage = true;
    if (type === "animationiteration") needs.events = needs.iterations = true;
    if (type === "beginEvent" || type === "endEvent" || type === "repeatEvent") needDrawings();
  });
  const needDrawings = () => {
    needs.events = needs.drawings = true;
  };
  after(SVGAnimationElement.prototype, "onbegin", needDrawings);
  after(SVGAnimationElement.prototype, "onend", needDrawings);
  after(SVGAnimationElement.prototype, "onrepeat", needDrawings);
  const needIterations = () => {
    needs.events = needs.iterations = true;
  };
  /** @param {object} owner */
  const watchHandlers = (owner) => {
    after(owner, "ontransitionrun", needEvents);
    after(owner, "ontransitionstart", needEvents);
    after(owner, "ontransitionend", needEvents);
    after(owner, "onanimationstart", needEvents);
    after(owner, "onanimationend", needEvents);
    after(owner, "onended", needEvents);
    after(owner, "onpause", needEvents);
    after(owner, "onseeked", needEvents);
    after(owner, "onanimationiteration", needIterations);
  };
  watchHandlers(HTMLElement.prototype);
  watchHandlers(SVGElement.prototype);
  watchHandlers(Document.prototype);
  watchHandlers(Window.prototype);
  watchHandlers(window);
  after(Animation.prototype, "onfinish", needEvents);
  // The browser settles both promises in a frame, `ready` in the first frame that sees the animation.
  /** @param {"ready" | "finished"} name */
  const watchPromise = (name) => {
    const promiseOf = getterOf(Animation.prototype, name);
    patch(Animation.prototype, name, {
      __proto__: null,
      get() {
        needs.events = true;
        return promiseOf(this);
      },
    });
  };
  watchPromise("ready");
  watchPromise("finished");

  // View transitions: they take their pictures in frames that are drawn, the old ones before the page's function is called,
  // the new ones once what it returned has settled. Between the two it may wait for the clock.
  const { value: Transition } = descriptorOf(globalThis, "ViewTransition");
  const readyOf = getterOf(Transition?.prototype, "ready");
  const updatedOf = getterOf(Transition?.prototype, "updateCallbackDone");
  const { value: startTransition } = descriptorOf(Document.prototype, "startViewTransition");
  patch(Document.prototype, "startViewTransition", function (...args) {
    let awaited = true;
    kernel.transitions += 1;
    needs.events = true;
    const pause = () => {
      if (awaited) kernel.transitions = max(0, kernel.transitions - 1);
      awaited = false;
    };
    /** @param {any} update */
    const watched = (update) => {
      if (typeof update !== "function") return update;
      /** @this {any} @param {any[]} given */
      return function (...given) {
        pause();
        return ReflectApply(update, this, given);
      };
    };
    /** @type {any} */
    let transition;
    try {
      const options = args.length > 0 ? args[0] : undefined;
      if (typeof options === "function") args[0] = watched(options);
      else if (options !== null && typeof options === "object") args[0] = { __proto__: null, types: options.types, update: watched(options.update) };
      transition = ReflectApply(startTransition, this, args);
    } catch (error) {
      pause();
      throw error;
    }
    let over = false;
    const goOn = () => {
      if (!awaited && !over) kernel.transitions += 1;
      awaited = !over;
    };
    whenSettled(updatedOf(transition), goOn, goOn);
    const done = () => {
      over = true;
      pause();
    };
    whenSettled(readyOf(transition), done, done);
    return transition;
  });

  // Storage events come to other frames through the browser, which does not say when they have come.
  const storage = globalThis.Storage?.prototype;
  /** @type {Flight | undefined} */
  let told;
  const tellFrames = () => {
    if (told || !needs.storage || kernel.realms.length < 2) return;
    const giveUp = () => (told = undefined);
    told = work.begin("a storage event", realm, { __proto__: null, doubtful: true, giveUp });
  };
  after(storage, "setItem", tellFrames);
  after(storage, "removeItem", tellFrames);
  after(storage, "clear", tellFrames);
  const needStorage = () => (needs.storage = true);
  after(window, "onstorage", needStorage);
  after(HTMLBodyElement.prototype, "onstorage", needStorage);

  // Observers: their callbacks come after a frame, so one more frame is run before the capture.
  const needFrames = () => {
    needs.observers = true;
  };
  onConstruct("IntersectionObserver", needFrames);
  onConstruct("ResizeObserver", needFrames);

  // Elements whose inside is the browser's own, which no script can see, and closed roots of the markup's. The driver
  // hands them over (closed_roots.py), so that the animations in there are found. A <marquee> begins each round in a frame.
  const elementsNamed = methodOf(Document.prototype, "getElementsByTagName");
  const lengthOf = getterOf(HTMLCollection.prototype, "length");
  const allInDocument = methodOf(Document.prototype, "querySelectorAll");
  const allInFragment = methodOf(DocumentFragment.prototype, "querySelectorAll");
  const countOf = getterOf(NodeList.prototype, "length");
  const nodeType = getterOf(Node.prototype, "nodeType");
  const nameOf = getterOf(Element.prototype, "localName");
  const stateOf = getterOf(Document.prototype, "readyState");
  const { DOCUMENT_NODE, DOCUMENT_FRAGMENT_NODE } = Node;
  const isFrame = window.parent !== window;
  const names = list("marquee", "details", "select", "input", "textarea", "progress", "meter", "video", "audio", "use");
  const SELECTOR = "marquee,details,select,input,textarea,progress,meter,video,audio,use";
  /** @type {SafeWeakSet<Element>} */
  const known = new SafeWeakSet();
  let anyMade = false;
  let isWatched = false;
  // Elements whose insides the driver has not been asked for.
  let hasControls = false;
  let hasCopies = false;
  let state = "";
  const needRoots = () => {
    anyMade = true;
    kernel.fresh += 1;
  };
  const needParts = () => {
    kernel.parts = true;
    needRoots();
  };
  const needCopies = () => {
    kernel.copies = true;
    needRoots();
  };
  realm.madeInnerRoots = () => {
    const any = anyMade;
    anyMade = false;
    return any;
  };

  const { lookInto, observe } = realm;
  realm.lookInto = (tree) => {
    lookInto(tree);
    const type = nodeType(tree);
    if (type !== DOCUMENT_NODE && type !== DOCUMENT_FRAGMENT_NODE) return;
    const isDocument = type === DOCUMENT_NODE;
    const elements = isDocument
      ? allInDocument(/** @type {Document} */ (tree), SELECTOR)
      : allInFragment(/** @type {ShadowRoot} */ (tree), SELECTOR);
    for (let index = 0; index < countOf(elements); index += 1) {
      const element = elements[index];
      if (known.has(element)) continue;
      known.add(element);
      const name = nameOf(element);
      if (name === "marquee") needRound();
      if (name === "marquee" || name === "details" || name === "video" || name === "audio") needRoots();
      else if (!isDocument) (name === "use" ? needCopies : needParts)(); // the root has style sheets of its own
      else if (name === "use") hasCopies = true;
      else hasControls = true;
    }
  };
  const hasAny = () => {
    for (let index = 0; index < names.length; index += 1) {
      if (lengthOf(elementsNamed(document, names[index])) > 0) return true;
    }
    return false;
  };
  realm.observe = () => {
    const before = state;
    state = stateOf(document);
    // The driver looks at the page's first document by itself.
    if (state === "complete" && before !== state && (before !== "" || isFrame)) needRoots();
    if (!isWatched && hasAny()) {
      isWatched = true;
      realm.watchInsertions(document);
    }
    observe();
    if (hasControls && realm.animatesParts()) {
      hasControls = false;
      needParts();
    }
    if (hasCopies && realm.animatesCopies()) {
      hasCopies = false;
      needCopies();
    }
  };
  after(Element.prototype, "setHTMLUnsafe", needRoots);
  after(ShadowRoot.prototype, "setHTMLUnsafe", needRoots);
  const afterLoading = () => {
    if (state !== "") needRoots();
  };
  after(Document.prototype, "write", afterLoading);
  after(Document.prototype, "writeln", afterLoading);
  after(Document.prototype, "close", afterLoading);
  let copies = false;
  realm.copiesRoots = () => {
    if (copies) return;
    copies = true;
    after(Node.prototype, "cloneNode", needRoots);
    after(Document.prototype, "importNode", needRoots);
  };
  const needRound = () => {
    // It is a layer, which shows its text as it was drawn first.
    if (!needs.rounds) tellDriver({ __proto__: null, drawn: true });
    needs.events = needs.rounds = true;
    kernel.fresh += 1;
  };
  after(globalThis.HTMLMarqueeElement?.prototype, "start", needRound);

  // Canvases that a worker draws on: what it has drawn is shown by the next drawing.
  after(HTMLCanvasElement.prototype, "transferControlToOffscreen", () => {
    needs.draw = true;
  });
}
