// The caret in a text field. The browser lets it blink by a timer of its own, in real time; here it blinks on the film's
// time, half a second on and half a second off, from when it was last moved.
//
// Two animations without a length hold the properties that say so, since a style would be seen by the page.

if (isWindow && CSS.supports("caret-animation", "manual")) {
  const activeIn = getterOf(Document.prototype, "activeElement");
  const activeInRoot = getterOf(ShadowRoot.prototype, "activeElement");
  const hostedRoot = getterOf(Element.prototype, "shadowRoot");
  const isEditable = getterOf(HTMLElement.prototype, "isContentEditable");
  const nameOf = getterOf(Element.prototype, "localName");
  const startInField = getterOf(HTMLInputElement.prototype, "selectionStart");
  const startInArea = getterOf(HTMLTextAreaElement.prototype, "selectionStart");
  const selectionOf = methodOf(Document.prototype, "getSelection");
  const anchorOf = getterOf(Selection.prototype, "anchorOffset");
  const animate = methodOf(Element.prototype, "animate");
  const stopAnimation = methodOf(Animation.prototype, "cancel");
  const HALF = 500;
  const HELD = ObjectFreeze({ __proto__: null, duration: 0, fill: "forwards" });
  const STEADY = ObjectFreeze({ __proto__: null, caretAnimation: "manual" });
  const OFF = ObjectFreeze({ __proto__: null, caretColor: "transparent" });

  /** @type {HTMLElement | null} the field that has the caret */
  let field = null;
  /** @type {number | null} where in it the caret is */
  let place = null;
  let since = 0;
  /** @type {Animation | null} */
  let steady = null;
  /** @type {Animation | null} while the caret is off */
  let off = null;

  /** @param {Element} element */
  const rootOf = (element) => hostedRoot(element) ?? realm.closedRootOf(element);

  /** The field that has the focus, in shadow roots too. */
  function focusedField() {
    let element = activeIn(document);
    for (let root = element && rootOf(element); root; root = element && rootOf(element)) {
      const inner = activeInRoot(root);
      if (!inner) break;
      element = inner;
    }
    if (!element) return null;
    const name = nameOf(element);
    const html = /** @type {HTMLElement} */ (element);
    return name === "input" || name === "textarea" || editable(html) ? html : null;
  }

  /** @param {HTMLElement} element */
  function editable(element) {
    try {
      return isEditable(element);
    } catch {
      return false; // of another kind, such as SVG
    }
  }

  /** @param {HTMLElement} element */
  function caretIn(element) {
    const name = nameOf(element);
    if (name === "input") return startInField(/** @type {HTMLInputElement} */ (element));
    if (name === "textarea") return startInArea(/** @type {HTMLTextAreaElement} */ (element));
    const selection = selectionOf(document);
    return selection && anchorOf(selection);
  }

  /** @param {HTMLElement} element @param {PropertyIndexedKeyframes} properties */
  function held(element, properties) {
    const animation = animate(element, properties, HELD);
    realm.hideAnimation(animation);
    return animation;
  }

  function release() {
    if (steady) stopAnimation(steady);
    if (off) stopAnimation(off);
    steady = off = null;
  }

  const observe = realm.observe;
  realm.observe = () => {
    observe();
    if (!realm.alive()) return;
    const focused = focusedField();
    const caret = focused && caretIn(focused);
    if (focused !== field) {
      release();
      if (focused) steady = held(focused, STEADY);
    }
    if (focused !== field || caret !== place) since = kernel.now;
    field = focused;
    place = caret;
    blink();
  };

  function blink() {
    const isOff = field !== null && floor((kernel.now - since) / HALF) % 2 === 1;
    if (isOff === (off !== null)) return;
    if (off) stopAnimation(off);
    off = isOff && field ? held(field, OFF) : null;
  }

  const { moveTo } = realm;
  realm.moveTo = (time) => {
    moveTo(time);
    blink();
  };
}
