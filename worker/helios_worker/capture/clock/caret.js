// The caret of a field that has the focus. The browser blinks it by a clock of its own, so it is made to stay.

if (isWindow) {
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const targetOf = getterOf(Event.prototype, "target");
  const nameOf = getterOf(Element.prototype, "localName");
  const styleOf = getterOf(HTMLElement.prototype, "style");
  const isEditable = getterOf(HTMLElement.prototype, "isContentEditable");
  const setStyle = methodOf(CSSStyleDeclaration.prototype, "setProperty");
  const indexOf = methodOf(String.prototype, "indexOf");

  /** @param {Event} event */
  const onFocus = (event) => {
    const element = /** @type {any} */ (targetOf(event));
    try {
      const name = nameOf(element);
      // A custom element may have a field within, which inherits the property.
      const mayHaveCaret = name === "input" || name === "textarea" || indexOf(name, "-") > 0 || isEditable(element);
      if (mayHaveCaret) setStyle(styleOf(element), "caret-animation", "manual");
    } catch {
      // the document, or an element without a style
    }
  };
  listen(window, "focusin", onFocus, true);
}
