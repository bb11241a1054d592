// Smooth scrolls. The browser moves them on with the frames that it draws, and with no clock, so a page that makes one has
// to be drawn throughout: the driver is told.

if (isWindow) {
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const targetOf = getterOf(Event.prototype, "target");
  const rootOf = getterOf(Document.prototype, "documentElement");
  const styleOf = window.getComputedStyle.bind(window);
  const valueOf = methodOf(CSSStyleDeclaration.prototype, "getPropertyValue");

  let asked = false;
  let told = false;
  /** @type {(thing: object, args: any[]) => void} */
  const note = (_thing, args) => {
    const options = args[0];
    if (typeof options === "object" && options !== null && descriptorOf(options, "behavior").value === "smooth") asked = true;
  };
  /** @param {object} owner */
  const watch = (owner) => {
    after(owner, "scroll", note);
    after(owner, "scrollTo", note);
    after(owner, "scrollBy", note);
    after(owner, "scrollIntoView", note);
  };
  watch(window);
  watch(Element.prototype);

  /** Whether a style has everything scroll smoothly in an element or, for the event of a document, in its window. @param {any} thing */
  function isStyledSmooth(thing) {
    let scroller = thing;
    try {
      scroller = rootOf(thing);
    } catch {
      // an element
    }
    return valueOf(styleOf(scroller), "scroll-behavior") === "smooth";
  }

  /** @param {Event} event */
  const onScroll = (event) => {
    if (told || !event.isTrusted || !(asked || isStyledSmooth(targetOf(event)))) return;
    told = true;
    tellDriver({ __proto__: null, smooth: true });
  };
  realm.watchScrolls = (root) => listen(root, "scroll", onScroll, true);
  realm.watchScrolls(window);
}
