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
  });
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

  // Elements whose inside is the browser's own, which no script can see. The driver hands it over (closed_roots.py), so
  // that the animations in there are found. A <marquee> begins each round in a frame.
  const elementsNamed = methodOf(Document.prototype, "getElementsByTagName");
  const lengthOf = getterOf(HTMLCollection.prototype, "length");
  const itemOf = methodOf(HTMLCollection.prototype, "item");
  const names = list("marquee", "details", "select", "input", "textarea", "progress", "meter", "video", "audio");
  /** @type {(Element | null | undefined)[]} the last element of each name when last looked at */
  const lasts = list();
  /** @type {number[]} how many of each name there were */
  const counts = list();
  realm.madeInnerRoots = () => {
    let any = false;
    for (let index = 0; index < names.length; index += 1) {
      const elements = elementsNamed(document, names[index]);
      const count = lengthOf(elements);
      const last = count > 0 ? itemOf(elements, count - 1) : undefined;
      const isNew = count > (counts[index] ?? 0) || (count > 0 && last !== lasts[index]);
      counts[index] = count;
      lasts[index] = last;
      if (!isNew) continue;
      any = true;
      if (names[index] === "marquee") needRound();
    }
    return any;
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
