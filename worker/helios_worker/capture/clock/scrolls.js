// Smooth scrolls. The browser moves them on with the frames that it draws, and with no clock, so a page that makes one has
// to be drawn throughout: the driver is told.
//
// A script's call is told at once if something will move, whether or not any frame is drawn after it. What else scrolls
// smoothly (a link, focus) is told by its first event, and that comes with a frame that is drawn.

if (isWindow) {
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const targetOf = getterOf(Event.prototype, "target");
  const rootOf = getterOf(Document.prototype, "documentElement");
  const scrollerOf = getterOf(Document.prototype, "scrollingElement");
  const parentOf = getterOf(Node.prototype, "parentNode");
  const slotOf = getterOf(Element.prototype, "assignedSlot");
  const hostOf = getterOf(ShadowRoot.prototype, "host");
  const styleOf = window.getComputedStyle.bind(window);
  const valueOf = methodOf(CSSStyleDeclaration.prototype, "getPropertyValue");
  /** @type {(at: string, size: string) => any} */
  function axis(at, size) {
    const of = (/** @type {string} */ property) => getterOf(Element.prototype, /** @type {any} */ (property));
    const wholeOf = of(`scroll${size}`);
    const seenOf = of(`client${size}`);
    const roomOf = (/** @type {Element} */ element) => wholeOf(element) - seenOf(element);
    return { __proto__: null, placeOf: of(`scroll${at}`), roomOf };
  }
  const horizontal = axis("Left", "Width");
  const vertical = axis("Top", "Height");

  let asked = false;
  let told = false;
  /** What was scrolled at once, though its style is smooth, and whose event is still to come. @type {WeakSet<Node>} */
  const atOnce = new SafeWeakSet();

  function tell() {
    told = true;
    tellDriver({ __proto__: null, smooth: true });
  }

  /** What is read of an object of any kind, null where it is not of that kind. @param {(thing: any) => any} read @param {unknown} thing */
  function orNull(read, thing) {
    try {
      return read(thing);
    } catch {
      return null;
    }
  }

  /** Whether a style has everything scroll smoothly in an element or, for a document, in its window. @param {any} thing */
  const isStyledSmooth = (thing) => valueOf(styleOf(orNull(rootOf, thing) || thing), "scroll-behavior") === "smooth";

  /**
   * Whether an element would move along an axis, some way at least.
   * @param {Element} element
   * @param {any} along
   * @param {unknown} to undefined for a place that is not changed
   * @param {boolean} [isDistance]
   */
  function moves(element, { placeOf, roomOf }, to, isDistance) {
    const room = roomOf(element);
    // Not what else can be made a number: that may run the page's code.
    if ((typeof to !== "number" && typeof to !== "string") || room <= 0) return false;
    const at = placeOf(element);
    const end = isDistance ? at + Number(to) : Number(to);
    // Places are negative from right to left. The first step that way, from 0, is left to its event.
    return !(end === at || (end > at && at >= room - 1) || (end < at && (at === 0 || at <= 1 - room)));
  }

  /** What a page's options say, read without running any of its code. @param {unknown} options @param {string} name */
  const said = (options, name) =>
    typeof options === "object" && options !== null ? descriptorOf(options, name).value : undefined;

  /** Whether a call scrolls an element smoothly; noted where it asks for that itself. @param {unknown} options @param {Node} thing */
  function isSmooth(options, thing) {
    const behavior = said(options, "behavior");
    if (behavior === "smooth") asked = true;
    if (behavior === "instant") atOnce.add(thing);
    return behavior === "smooth" || (behavior !== "instant" && isStyledSmooth(thing));
  }

  /**
   * What a call scrolls: a window's and its root's place is that of the document.
   * @param {any} thing a window or an element
   */
  const scroller = (/** @type {any} */ thing) => (thing === window || thing === rootOf(document) ? scrollerOf(document) || rootOf(document) : thing);

  /**
   * Watches a method that takes a place to scroll to, or a distance.
   * @param {object} owner
   * @param {string} name
   * @param {boolean} isDistance
   */
  const watchMethod = (owner, name, isDistance) =>
    after(owner, name, (/** @type {any} */ thing, args) => {
      if (told || !isSmooth(args[0], thing === window ? document : thing)) return;
      const element = scroller(thing);
      const isPlace = args.length > 1;
      const left = isPlace ? args[0] : said(args[0], "left");
      const top = isPlace ? args[1] : said(args[0], "top");
      if (moves(element, horizontal, left, isDistance) || moves(element, vertical, top, isDistance)) tell();
    });

  /** Watches a place that can be set. @param {any} along @param {string} name */
  const watchPlace = (along, name) =>
    after(Element.prototype, name, (thing, args) => {
      if (!told && isStyledSmooth(thing) && moves(scroller(thing), along, args[0])) tell();
    });

  /** What an element lies in, as it is shown. @param {any} node @returns {any} */
  const outer = (node) => orNull(slotOf, node) || parentOf(node) || orNull(hostOf, node);

  const roomBelow = vertical.roomOf;
  const roomBeside = horizontal.roomOf;
  /** Whether an element's content can be scrolled at all. @param {Element} element */
  const hasRoom = (element) =>
    (roomBelow(element) > 0 || roomBeside(element) > 0) &&
    (scroller(window) === element || valueOf(styleOf(element), "overflow-y") !== "visible");

  after(Element.prototype, "scrollIntoView", (thing, args) => {
    for (let node = outer(thing); node && !told; node = outer(node)) {
      if (orNull(roomBelow, node) !== null && isSmooth(args[0], node) && hasRoom(node)) tell();
    }
  });

  /** @param {object} owner */
  const watch = (owner) => {
    watchMethod(owner, "scroll", false);
    watchMethod(owner, "scrollTo", false);
    watchMethod(owner, "scrollBy", true);
  };
  watch(window);
  watch(Element.prototype);
  watchPlace(horizontal, "scrollLeft");
  watchPlace(vertical, "scrollTop");

  /** @param {Event} event */
  const onScroll = (event) => {
    if (told || !event.isTrusted) return;
    const thing = /** @type {any} */ (targetOf(event));
    if (!atOnce.delete(thing) && (asked || isStyledSmooth(thing))) tell();
  };
  realm.watchScrolls = (root) => listen(root, "scroll", onScroll, true);
  realm.watchScrolls(window);
}
