// How HyperFrames lays out a composition: each gets the size that it declares, and the page that of the film.

/** @param {ReturnType<typeof createClips>} clips */
function createLayout(clips) {
  const { numberOf } = clips;
  const all = methodOf(Document.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const rootElementOf = getterOf(Document.prototype, "documentElement");
  const bodyOf = getterOf(Document.prototype, "body");
  const htmlStyleOf = getterOf(HTMLElement.prototype, "style");
  const svgStyleOf = getterOf(SVGElement.prototype, "style");
  const valueOf = methodOf(CSSStyleDeclaration.prototype, "getPropertyValue");
  const setValue = methodOf(CSSStyleDeclaration.prototype, "setProperty");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const setAttribute = methodOf(Element.prototype, "setAttribute");
  const removeAttribute = methodOf(Element.prototype, "removeAttribute");
  const newElement = methodOf(Document.prototype, "createElement");
  const headOf = getterOf(Document.prototype, "head");
  const add = methodOf(Node.prototype, "appendChild");
  const setText = setterOf(Node.prototype, "textContent");
  const COMPOSITION = "[data-composition-id]";

  /** @param {Element} element @returns {CSSStyleDeclaration} */
  const styleOf = (element) => {
    try {
      return htmlStyleOf(/** @type {HTMLElement} */ (element));
    } catch {
      return svgStyleOf(/** @type {SVGElement} */ (element));
    }
  };
  /** @param {Element} element @param {string} name @param {string} value */
  const setStyle = (element, name, value) => {
    const style = styleOf(element);
    if (valueOf(style, name) !== value) setValue(style, name, value);
  };

  /** @param {Element} element @param {string} name @returns {string} "" where it declares none */
  const lengthOf = (element, name) => {
    const length = numberOf(element, name);
    return length !== null && length > 0 ? `${length}px` : "";
  };

  const PAGE = list("margin", "padding");
  /** The page is the film's picture: it has no margins, and nothing scrolls. @param {Element} outermost */
  function layOutPage(outermost) {
    const elements = list(rootElementOf(document), bodyOf(document));
    for (let index = 0; index < elements.length; index += 1) {
      const element = elements[index];
      if (!element) continue;
      for (let at = 0; at < PAGE.length; at += 1) setStyle(element, PAGE[at], "0px");
      setStyle(element, "overflow", "hidden");
      for (let at = 0; at < SIZES.length; at += 1) {
        const length = lengthOf(outermost, `data-${SIZES[at]}`);
        if (length) setStyle(element, SIZES[at], length);
      }
    }
  }

  const SIZES = list("width", "height");
  /** Gives compositions the size that they declare. @param {Element} outermost */
  function layOut(outermost) {
    layOutPage(outermost);
    const compositions = all(document, COMPOSITION);
    for (let index = 0; index < nodesIn(compositions); index += 1) {
      const composition = /** @type {Element} */ (compositions[index]);
      for (let at = 0; at < SIZES.length; at += 1) {
        const length = lengthOf(composition, `data-${SIZES[at]}`);
        if (length) setStyle(composition, SIZES[at], length);
        if (length && composition === outermost) setStyle(composition, `--comp-${SIZES[at]}`, length);
      }
    }
  }

  const HIDDEN = "data-composition-hidden";
  let isStyled = false;
  /** Hides what is in a clip with it, also what has a visibility of its own. @param {Element} clip @param {boolean} isHidden */
  function hideContents(clip, isHidden) {
    if (isHidden === (attributeOf(clip, HIDDEN) !== null)) return;
    if (!isStyled) {
      isStyled = true;
      const style = newElement(document, "style");
      setText(style, `[${HIDDEN}] * { visibility: hidden !important }`);
      add(headOf(document), style);
    }
    if (isHidden) setAttribute(clip, HIDDEN, "");
    else removeAttribute(clip, HIDDEN);
  }

  return { __proto__: null, layOut, setStyle, hideContents };
}
