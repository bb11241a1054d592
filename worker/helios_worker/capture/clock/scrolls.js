// Smooth scrolls, on the film's time (docs/decisions/0032). The browser makes none (process.py), so whatever is to scroll
// smoothly is there at once: by a call, by a link to a part of the page, for what gets the focus. Here it is put back, and moved
// on with the clock as Chromium would. So the browser finds out where each scroll leads (snapping, margins, nested scrollers),
// and a frame shows how far it is by its time alone.
//
// The browser sends `scroll` and `scrollend` for each step, in its next frame. Those of no place that the page can have seen
// are kept from it, and so is `scrollend` before the end. steps.js has a frame of the browser's run for the others.
//
// Long, because all of this shares what is known of a scroll.

if (isWindow) {
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const targetOf = getterOf(Event.prototype, "target");
  const stopHere = methodOf(Event.prototype, "stopImmediatePropagation");
  const rootOf = getterOf(Document.prototype, "documentElement");
  const scrollerOf = getterOf(Document.prototype, "scrollingElement");
  const windowOf = getterOf(Document.prototype, "defaultView");
  const documentOf = /** @type {(node: Node) => Document} */ (getterOf(Node.prototype, "ownerDocument"));
  const parentOf = getterOf(Node.prototype, "parentNode");
  const slotOf = getterOf(Element.prototype, "assignedSlot");
  const hostOf = getterOf(ShadowRoot.prototype, "host");
  const holderOf = getterOf(window, "frameElement");
  const styleOf = window.getComputedStyle.bind(window);
  const valueOf = methodOf(CSSStyleDeclaration.prototype, "getPropertyValue");
  const leftOf = getterOf(Element.prototype, "scrollLeft");
  const topOf = getterOf(Element.prototype, "scrollTop");
  const wholeWidth = getterOf(Element.prototype, "scrollWidth");
  const wholeHeight = getterOf(Element.prototype, "scrollHeight");
  const seenWidth = getterOf(Element.prototype, "clientWidth");
  const seenHeight = getterOf(Element.prototype, "clientHeight");
  const scrollAtOnce = /** @type {(element: Element, options: any) => any} */ (/** @type {any} */ (methodOf(Element.prototype, "scrollTo")));
  const show = methodOf(Element.prototype, "scrollIntoView");
  const animate = methodOf(Element.prototype, "animate");
  const stopAnimation = methodOf(Animation.prototype, "cancel");
  const { sqrt } = Math;

  // Chromium's (cc/animation/scroll_offset_animation_curve.cc): cubic-bezier(0.4, 0, 0, 1) and as many sixtieths of a second
  // as the square root of the distance in pixels says.
  const EASE = 0.4;
  const LONGEST_MS = 1500;
  const HALVINGS = 50;
  const SNAPS_NOWHERE = ObjectFreeze({ __proto__: null, scrollSnapType: "none" });
  const TOP = /** @type {Place} */ (ObjectFreeze({ __proto__: null, left: 0, top: 0 }));
  const HELD = ObjectFreeze({ __proto__: null, duration: 0, fill: "forwards" });

  /** @typedef {{ __proto__: null, left: number, top: number }} Place */
  /**
   * @typedef {object} Scroll
   * @property {null} __proto__
   * @property {Element} element
   * @property {Place} from
   * @property {Place} to
   * @property {number} start virtual time in milliseconds
   * @property {number} duration
   * @property {Place | null} told where the page was last told that the element is; null if it is to be told in any case
   * @property {"running" | "over" | "quiet"} state quiet: over, and no `scrollend` tells of it
   * @property {Animation | null} hold keeps the element from snapping on the way
   * @property {((interrupted: boolean) => void) | null} settle
   */

  /** @type {SafeSet<Scroll>} */
  const running = new SafeSet();
  /** What a script has scrolled at once, and whose event is still to come. @type {SafeWeakSet<Element>} */
  const untold = new SafeWeakSet();

  /** @param {Element} element @returns {Place} */
  const placeOf = (element) => ({ __proto__: null, left: leftOf(element), top: topOf(element) });
  /** @param {Place} one @param {Place} other */
  const isSame = (one, other) => one.left === other.left && one.top === other.top;
  /** @param {Element} element @param {Place} place */
  const put = (element, { left, top }) => scrollAtOnce(element, { __proto__: null, left, top, behavior: "instant" });

  /** What is read of an object of any kind, null where it is not of that kind. @param {(thing: any) => any} read @param {unknown} thing */
  function orNull(read, thing) {
    try {
      return read(thing);
    } catch {
      return null;
    }
  }

  /** The element whose place is that of a window, a document or an element. @param {any} thing @returns {Element | null} */
  function scrollerFor(thing) {
    const page = thing === window || thing === undefined || thing === null ? document : thing;
    const root = orNull(rootOf, page);
    if (root !== null) return scrollerOf(page) || root;
    const own = documentOf(page);
    return page === rootOf(own) ? scrollerOf(own) || page : page;
  }

  /** @param {Element} element the value of a property of how it scrolls @param {string} name */
  function styled(element, name) {
    const page = documentOf(element);
    return valueOf(styleOf(element === scrollerOf(page) ? rootOf(page) : element), name);
  }

  /** @param {Element} element @param {string} behavior what the call says */
  const isSmooth = (element, behavior) =>
    behavior === "smooth" || (behavior !== "instant" && styled(element, "scroll-behavior") === "smooth");

  /** @param {unknown} options */
  function behaviorOf(options) {
    if (options === null || (typeof options !== "object" && typeof options !== "function")) return "";
    try {
      return NativeString(/** @type {any} */ (options).behavior);
    } catch {
      return ""; // the browser's call throws, too
    }
  }

  /** How far a scroll is when a share of its time has passed. @param {number} share */
  function eased(share) {
    let low = 0;
    let high = 1;
    for (let round = 0; round < HALVINGS; round += 1) {
      const middle = (low + high) / 2;
      const left = 1 - middle;
      if (3 * left * left * middle * EASE + middle * middle * middle < share) low = middle;
      else high = middle;
    }
    return low * low * (3 - 2 * low);
  }

  /** @param {Scroll} scroll @param {number} time @returns {Place} */
  function placeAt({ from, to, start, duration }, time) {
    if (time >= start + duration) return to;
    const far = eased(max(0, time - start) / duration);
    return {
      __proto__: null,
      left: from.left + (to.left - from.left) * far,
      top: from.top + (to.top - from.top) * far,
    };
  }

  /** Keeps an element from snapping, if it does. @param {Element} element */
  function held(element) {
    if (styled(element, "scroll-snap-type") === "none") return null;
    const page = documentOf(element);
    const hold = animate(element === scrollerOf(page) ? rootOf(page) : element, SNAPS_NOWHERE, HELD);
    realm.hideAnimation(hold);
    return hold;
  }

  /** @param {Scroll} scroll */
  function release(scroll) {
    if (scroll.hold) stopAnimation(scroll.hold);
    scroll.hold = null;
  }

  /** @param {Element} element */
  function runningOf(element) {
    const scroll = kernel.scrolls.get(element);
    return scroll?.state === "running" ? scroll : null;
  }

  /** @param {Scroll | null} scroll @param {"over" | "quiet"} state @param {boolean} interrupted */
  function finish(scroll, state, interrupted) {
    if (scroll === null) return;
    scroll.state = state;
    running.delete(scroll);
    release(scroll);
    scroll.settle?.(interrupted);
  }

  /** @param {Scroll} scroll */
  function end(scroll) {
    if (scroll.state !== "running") return;
    // So the browser sends the events, also if the last step moved nothing.
    put(scroll.element, scroll.from);
    put(scroll.element, scroll.to);
    finish(scroll, "over", false);
    kernel.scrollEnded = true;
  }

  /**
   * Begins to move an element that the browser has just moved at once.
   * @param {Element} element
   * @param {Place} from
   */
  function begin(element, from) {
    const to = placeOf(element);
    finish(runningOf(element), "over", true);
    const hold = held(element);
    put(element, from);
    const before = kernel.scrolls.get(element);
    const seconds = sqrt(max(abs(to.left - from.left), abs(to.top - from.top))) / 60;
    /** @type {Scroll} */
    const scroll = {
      __proto__: null,
      ...{ element, from, to, start: kernel.now, duration: min(seconds * 1000, LONGEST_MS), state: "running" },
      ...{ told: before ? before.told : untold.has(element) ? null : from, hold, settle: null },
    };
    kernel.scrolls.set(element, scroll);
    running.add(scroll);
    kernel.scheduleOwn(scroll.start + scroll.duration, "the end of a smooth scroll", () => {
      if (realm.alive()) orNull(end, scroll);
    });
    return scroll;
  }

  /**
   * What a call returns that scrolls smoothly: a promise, where the browser's call returns one.
   * @param {Scroll[]} scrolls
   * @param {any} result the browser's
   */
  function promised(scrolls, result) {
    if (scrolls.length === 0 || typeof result !== "object" || result === null) return result;
    return new NativePromise((resolve) => {
      let left = scrolls.length;
      let interrupted = false;
      /** @param {boolean} wasCut */
      const settle = (wasCut) => {
        left -= 1;
        interrupted ||= wasCut;
        if (left === 0) resolve({ __proto__: ObjectPrototype, interrupted });
      };
      for (let index = 0; index < scrolls.length; index += 1) scrolls[index].settle = settle;
    });
  }

  /** @param {Element[]} elements */
  function placesOf(elements) {
    /** @type {Place[]} */
    const places = list();
    for (let index = 0; index < elements.length; index += 1) append(places, placeOf(elements[index]));
    return places;
  }

  /**
   * Has elements that something is about to scroll move smoothly, if they are to. Returns what is to be called after that,
   * with what the call says and whether it is for these elements, and so ends what moved them before.
   * @param {Element[]} elements
   */
  function watched(elements) {
    const from = placesOf(elements);
    let rests = from;
    for (let index = 0; index < elements.length; index += 1) {
      const scroll = runningOf(elements[index]);
      if (!scroll?.hold) continue;
      release(scroll); // it leads to where the element snaps
      rests = list();
    }
    if (rests !== from) rests = placesOf(elements);
    return (/** @type {string} */ behavior, /** @type {boolean} */ isFor) => {
      /** @type {Scroll[]} */
      const scrolls = list();
      for (let index = 0; index < elements.length; index += 1) {
        const element = elements[index];
        const moved = !isSame(rests[index], placeOf(element));
        const scroll = runningOf(element);
        if (moved && isSmooth(element, behavior)) append(scrolls, begin(element, from[index]));
        else if (moved || isFor) finish(scroll, moved ? "over" : "quiet", true);
        else if (scroll && rests !== from) {
          scroll.hold = held(element);
          put(element, from[index]);
        }
        if (moved && runningOf(element) === null) {
          const before = kernel.scrolls.get(element);
          if (before) before.state = "over"; // whose event is that of this step
          untold.add(element);
        }
      }
      return scrolls;
    };
  }

  /**
   * Replaces a method or setter that may scroll.
   * @param {object | undefined} owner
   * @param {string} name
   * @param {(thing: any, args: any[]) => Element[]} scrollersOf
   * @param {(args: any[]) => string} saidBy
   * @param {boolean} isFor
   */
  function watch(owner, name, scrollersOf, saidBy, isFor) {
    const { value: method, set } = descriptorOf(owner, name);
    const native = method ?? set;
    if (!native) return;
    /** @this {any} @param {any[]} args */
    function call(...args) {
      finishFragment();
      const moveOn = orNull(() => watched(scrollersOf(this, args)), null);
      if (moveOn === null) return ReflectApply(native, this, args);
      const behavior = saidBy(args);
      const result = ReflectApply(native, this, args);
      return promised(orNull(() => moveOn(behavior, isFor), null) ?? list(), result);
    }
    if (method) {
      patch(/** @type {any} */ (owner), name, call);
    } else {
      patch(/** @type {any} */ (owner), name, {
        __proto__: null,
        set(value) {
          ReflectApply(call, this, [value]);
        },
      });
    }
  }

  /** What an element lies in, as it is shown. @param {any} node @returns {any} */
  const outer = (node) => orNull(slotOf, node) || parentOf(node) || orNull(hostOf, node) || orNull(outerFrame, node);
  /** @param {Document} page */
  const outerFrame = (page) => holderOf(/** @type {any} */ (windowOf(page)));
  /** @param {any} node */
  const hasRoom = (node) => wholeHeight(node) > seenHeight(node) || wholeWidth(node) > seenWidth(node);

  /** What may have to be scrolled for an element to be seen. @param {any} thing */
  function scrollersAround(thing) {
    /** @type {Element[]} */
    const found = list();
    for (let node = outer(thing); node; node = outer(node)) {
      const element = orNull(rootOf, node) === null ? node : scrollerFor(node);
      if (orNull(hasRoom, element) && found[found.length - 1] !== element) append(found, element);
    }
    return found;
  }

  /** @param {any} thing */
  const ofThing = (thing) => list(/** @type {Element} */ (scrollerFor(thing)));
  /** @param {any[]} args */
  const byOptions = (args) => (args.length === 1 ? behaviorOf(args[0]) : "");
  const byStyle = () => "";
  /** @param {any} owner */
  const watchMethods = (owner) => {
    watch(owner, "scroll", ofThing, byOptions, true);
    watch(owner, "scrollTo", ofThing, byOptions, true);
    watch(owner, "scrollBy", ofThing, byOptions, true);
  };
  watchMethods(window);
  watchMethods(Element.prototype);
  watch(Element.prototype, "scrollLeft", ofThing, byStyle, true);
  watch(Element.prototype, "scrollTop", ofThing, byStyle, true);
  watch(Element.prototype, "scrollIntoView", scrollersAround, byOptions, false);
  watch(Element.prototype, "scrollIntoViewIfNeeded", scrollersAround, byStyle, false);
  const kinds = list(HTMLElement, SVGElement, globalThis.MathMLElement);
  for (let index = 0; index < kinds.length; index += 1) watch(kinds[index]?.prototype, "focus", scrollersAround, byStyle, false);
  const fields = list(/** @type {any} */ (HTMLFormElement), HTMLInputElement, HTMLSelectElement, HTMLTextAreaElement);
  for (let index = 0; index < fields.length; index += 1) {
    watch(fields[index].prototype, "reportValidity", scrollersAround, byStyle, false);
  }

  // Links to a part of the page, and scripts that set the address's fragment: the browser scrolls before the script goes on.
  const hashOf = getterOf(URL.prototype, "hash");
  const Address = URL;
  const decode = globalThis.decodeURIComponent;
  const byId = methodOf(Document.prototype, "getElementById");
  const byName = methodOf(Document.prototype, "getElementsByName");
  const itemOf = methodOf(NodeList.prototype, "item");
  /** @type {(() => void) | null} */
  let fragment = null;
  function finishFragment() {
    const finishIt = fragment;
    fragment = null;
    finishIt?.();
  }

  /** @param {string} address @returns {Node} */
  function partAt(address) {
    const name = stringSlice(hashOf(new Address(address)), 1, address.length);
    return byId(document, name) ?? byId(document, decode(name)) ?? itemOf(byName(document, decode(name)), 0) ?? document;
  }

  // The page that is opened with one is there at once, too, by the time it has loaded.
  const address = getterOf(Document.prototype, "URL");
  const goToPart = () => {
    const part = partAt(address(document));
    if (part === document) return;
    const elements = scrollersAround(part);
    const places = placesOf(elements);
    show(/** @type {Element} */ (part));
    for (let index = 0; index < elements.length; index += 1) {
      const element = elements[index];
      const moved = !isSame(places[index], placeOf(element)) || kernel.scrolls.has(element);
      if (moved) put(element, places[index]); // by something else
      else if (!isSame(places[index], TOP) && isSmooth(element, "")) begin(element, TOP);
    }
  };
  realm.goToPart = () => orNull(goToPart, null);
  /** Whether an element may be where it is only because of the part that the page is opened with. @param {Element} element */
  const isPutBack = (element) =>
    !kernel.begun && !untold.has(element) && isSmooth(element, "") && hashOf(new Address(address(document))) !== "";

  if (globalThis.navigation && globalThis.NavigateEvent) {
    const destinationOf = getterOf(NavigateEvent.prototype, "destination");
    const addressOf = getterOf(NavigationDestination.prototype, "url");
    const typeOf = getterOf(NavigateEvent.prototype, "navigationType");
    const changesHash = getterOf(NavigateEvent.prototype, "hashChange");
    listen(
      navigation,
      "navigate",
      (/** @type {any} */ event) => {
        if (!changesHash(event) || typeOf(event) === "traverse") return;
        finishFragment();
        const part = orNull(partAt, addressOf(destinationOf(event))) ?? document;
        const moveOn = orNull(() => watched(part === document ? ofThing(document) : scrollersAround(part)), null);
        if (moveOn !== null) fragment = () => orNull(() => moveOn("", false), null);
        whenSettled(new NativePromise((resolve) => resolve(undefined)), finishFragment, ignore);
      },
      true,
    );
  }

  /** @param {Element} element */
  const isShown = (element) => wholeHeight(element) > 0 || wholeWidth(element) > 0;
  const { moveTo } = realm;
  realm.moveTo = (time) => {
    moveTo(time);
    running.forEach((scroll) => {
      if (isShown(scroll.element)) put(scroll.element, placeAt(scroll, time));
      else finish(scroll, "quiet", true); // it is not shown any more
    });
  };
  realm.scrolls = () => running.size > 0;

  /** @param {Event} event */
  function onScroll(event) {
    const element = event.isTrusted ? scrollerFor(targetOf(event)) : null;
    if (element === null) return;
    const scroll = kernel.scrolls.get(element);
    if (!scroll && isPutBack(element)) stopHere(event);
    untold.delete(element);
    if (!scroll) return;
    const place = placeOf(element);
    if (scroll.told && isSame(scroll.told, place)) stopHere(event);
    scroll.told = place;
  }
  /** @param {Event} event */
  function onScrollEnd(event) {
    const element = event.isTrusted ? scrollerFor(targetOf(event)) : null;
    if (element === null) return;
    const scroll = kernel.scrolls.get(element);
    if (!scroll && isPutBack(element)) stopHere(event);
    if (!scroll) return;
    if (scroll.state !== "over") stopHere(event);
    if (scroll.state !== "running") kernel.scrolls.delete(element);
  }
  realm.watchScrolls = (root) => {
    listen(root, "scroll", (event) => orNull(onScroll, event), true);
    listen(root, "scrollend", (event) => orNull(onScrollEnd, event), true);
  };
  realm.watchScrolls(window);
}
