// What is in the picture: whether an element is, and whether a file is shown anywhere, by an element or by a style.
// Long, because all of it asks the same few things of elements and styles.

if (isWindow) {
  const isVisible = methodOf(Element.prototype, "checkVisibility");
  const AT_ALL = ObjectFreeze({ __proto__: null, opacityProperty: true, visibilityProperty: true });
  const boxOf = methodOf(Element.prototype, "getBoundingClientRect");
  const leftOf = getterOf(DOMRectReadOnly.prototype, "left");
  const topOf = getterOf(DOMRectReadOnly.prototype, "top");
  const rightOf = getterOf(DOMRectReadOnly.prototype, "right");
  const bottomOf = getterOf(DOMRectReadOnly.prototype, "bottom");
  const innerWidthOf = getterOf(window, "innerWidth");
  const innerHeightOf = getterOf(window, "innerHeight");
  const frameOf = getterOf(window, "frameElement");
  const documentOf = getterOf(Node.prototype, "ownerDocument");
  const nameOf = getterOf(Element.prototype, "localName");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const elementsNamed = methodOf(Document.prototype, "getElementsByTagName");
  const lengthOf = getterOf(HTMLCollection.prototype, "length");
  const itemOf = methodOf(HTMLCollection.prototype, "item");
  const allIn = methodOf(DocumentFragment.prototype, "querySelectorAll");
  const countOf = getterOf(NodeList.prototype, "length");
  const nodeOf = methodOf(NodeList.prototype, "item");
  const openRoot = getterOf(Element.prototype, "shadowRoot");
  const styleOf = window.getComputedStyle.bind(window);
  const valueOf = methodOf(CSSStyleDeclaration.prototype, "getPropertyValue");
  const firstChild = getterOf(Node.prototype, "firstChild");
  const nextSibling = getterOf(Node.prototype, "nextSibling");
  const contentOf = getterOf(Node.prototype, "nodeValue");
  const baseOf = getterOf(Node.prototype, "baseURI");
  const hrefOf = getterOf(URL.prototype, "href");
  const trim = methodOf(String.prototype, "trim");
  const Address = URL;
  /** Beyond so many elements with styles of their own a file counts as shown, unasked. */
  const MOST_ELEMENTS = 20_000;
  const IMAGES_IN_STYLES = list("background-image", "border-image-source", "mask-image", "shape-outside", "content");

  const currentOf = getterOf(HTMLImageElement.prototype, "currentSrc");
  const imageSource = getterOf(HTMLImageElement.prototype, "src");
  const linkOf = getterOf(SVGImageElement.prototype, "href");
  const textOf = getterOf(SVGAnimatedString.prototype, "baseVal");

  /** @param {Element} element @param {string | null} text */
  const resolved = (element, text) => {
    if (text === null || text === "") return "";
    try {
      return hrefOf(new Address(text, baseOf(element)));
    } catch {
      return "";
    }
  };

  /** The attribute that names the file of an element. @type {Record<string, string | null>} */
  const ATTRIBUTES = {
    __proto__: null,
    ...{ script: "src", input: "src", iframe: "src", frame: "src", embed: "src" },
    ...{ link: "href", object: "data", video: "poster" },
  };

  realm.addressOf = (element) => {
    const name = nameOf(element);
    try {
      if (name === "img") {
        const image = /** @type {HTMLImageElement} */ (element);
        return currentOf(image) || imageSource(image);
      }
      if (name === "image") return resolved(element, textOf(linkOf(/** @type {SVGImageElement} */ (element))));
    } catch {
      return "";
    }
    const attribute = ATTRIBUTES[name];
    return attribute ? resolved(element, attributeOf(element, attribute)) : "";
  };

  /** @param {Element} element @returns {boolean} */
  const inPicture = (element) => {
    if (!isVisible(element, AT_ALL)) return false;
    const view = viewOf(/** @type {Document} */ (documentOf(element)));
    if (!view) return false;
    const name = nameOf(element);
    if (name !== "html" && name !== "body") {
      const box = boxOf(element);
      if (rightOf(box) < 0 || bottomOf(box) < 0) return false;
      if (leftOf(box) >= innerWidthOf(view) || topOf(box) >= innerHeightOf(view)) return false;
    }
    const frame = frameOf(view);
    return !frame || inPicture(frame);
  };
  realm.inPicture = inPicture;

  /** A size of at most one pixel, as those have that are only there to be counted. @param {string | null} text */
  const isOne = (text) => text === "0" || text === "1" || text === "0px" || text === "1px";
  realm.isTiny = (element) => {
    if (isOne(attributeOf(element, "width")) && isOne(attributeOf(element, "height"))) return true;
    const style = styleOf(element);
    return valueOf(style, "width") === "1px" && valueOf(style, "height") === "1px";
  };

  realm.hasFallback = (element) => {
    for (let node = firstChild(element); node; node = nextSibling(node)) {
      const text = contentOf(node);
      if (text === null ? nameOf(/** @type {Element} */ (node)) !== "param" : trim(text) !== "") return true;
    }
    return false;
  };

  /** How a style names a file. Of a data: URL only the type where a style writes the rest in its own way. @param {string} key */
  function needleOf(key) {
    if (!isData(key)) return `url("${key}`;
    const comma = indexOf(key, ",");
    if (stringSlice(key, comma - 7, comma) === ";base64") return `url("${stringSlice(key, 0, 128)}`;
    const semicolon = indexOf(key, ";");
    return `url("${stringSlice(key, 0, semicolon >= 0 && semicolon < comma ? semicolon : comma)}`;
  }

  /** The images that a style shows, as text. @param {CSSStyleDeclaration} style */
  function imagesOf(style) {
    let text = "";
    for (let index = 0; index < IMAGES_IN_STYLES.length; index += 1) {
      const value = valueOf(style, IMAGES_IN_STYLES[index]);
      if (value !== "none" && value !== "normal") text += value;
    }
    return valueOf(style, "display") === "list-item" ? text + valueOf(style, "list-style-image") : text;
  }

  /** The images that an element shows by its style and by those of its pseudo-elements. @param {Element} element @param {CSSStyleDeclaration} style */
  function imagesBy(element, style) {
    let text = imagesOf(style);
    if (valueOf(style, "display") === "list-item") text += imagesOf(styleOf(element, "::marker"));
    const before = styleOf(element, "::before");
    if (valueOf(before, "content") !== "none") text += imagesOf(before);
    const behind = styleOf(element, "::after");
    return valueOf(behind, "content") !== "none" ? text + imagesOf(behind) : text;
  }

  /** @param {string[]} names @returns {Record<string, true | null>} */
  const elements = (...names) => {
    /** @type {Record<string, true | null>} */
    const known = { __proto__: null };
    for (let index = 0; index < names.length; index += 1) known[names[index]] = true;
    return known;
  };
  const FRAMES = elements("iframe", "frame", "object", "embed");
  const PICTURES = elements("img", "image", "input", "video", "object", "embed");

  const sheetsOf = getterOf(Document.prototype, "styleSheets");
  const sheetCount = getterOf(StyleSheetList.prototype, "length");
  const sheetOf = methodOf(StyleSheetList.prototype, "item");
  const rulesOf = getterOf(CSSStyleSheet.prototype, "cssRules");
  const ruleCount = getterOf(CSSRuleList.prototype, "length");
  const ruleOf = methodOf(CSSRuleList.prototype, "item");
  const ruleText = getterOf(CSSRule.prototype, "cssText");
  const allInDocument = methodOf(Document.prototype, "querySelectorAll");
  const elementStyle = getterOf(HTMLElement.prototype, "style");
  const styleText = getterOf(CSSStyleDeclaration.prototype, "cssText");
  const MOST_RULES = 5000;
  const MOST_FOUND = 200;
  const START = 'url("data:image/';

  realm.imagesInStyles = () => {
    /** @type {string[]} */
    const images = list();
    /** @param {string} text of a style, in which an address has quotes around it */
    const take = (text) => {
      for (let at = indexOf(text, START); at >= 0 && images.length < MOST_FOUND; at = indexOf(text, START, at)) {
        at += 5;
        let address = "";
        let from = at;
        while (at < text.length && text[at] !== '"') {
          if (text[at] === "\\") {
            address += stringSlice(text, from, at);
            at += 1;
            from = at;
          }
          at += 1;
        }
        append(images, address + stringSlice(text, from, at));
      }
    };
    let rules = 0;
    const sheets = sheetsOf(document);
    for (let index = 0; index < sheetCount(sheets); index += 1) {
      let inSheet;
      try {
        inSheet = rulesOf(/** @type {CSSStyleSheet} */ (sheetOf(sheets, index)));
      } catch {
        continue; // of another origin
      }
      for (let place = 0; place < ruleCount(inSheet) && rules < MOST_RULES; place += 1, rules += 1) {
        take(ruleText(/** @type {CSSRule} */ (ruleOf(inSheet, place))));
      }
    }
    const styled = allInDocument(document, '[style*="data:image/"]');
    for (let index = 0; index < countOf(styled); index += 1) {
      try {
        take(styleText(elementStyle(/** @type {HTMLElement} */ (nodeOf(styled, index)))));
      } catch {
        // an SVG's
      }
    }
    return images;
  };

  /** @typedef {{ __proto__: null, element: Element, images: string, cursor: string }} Styled */
  /** @type {SafeMap<string, Element[]> | null} by the files' keys, the elements that show them; null before they are looked for */
  let holders = null;
  /** @type {Styled[]} those that show images by their styles */
  let styled = list();
  /** @type {SafeSet<Element>} those that showed a file by their style when last looked for: a transition may go on with it */
  let lately = new SafeSet();
  let tooMany = false;

  realm.lookAnew = () => {
    holders = null;
    styled = list();
  };

  /** Finds what shows files by now. Returns the elements that do so by themselves, by the files' keys. */
  function lookForFiles() {
    /** @type {SafeMap<string, Element[]>} */
    const found = new SafeMap();
    /** @type {(Document | ShadowRoot)[]} */
    const trees = list(document);
    /** @type {Element[]} */
    const all = list();
    /** @param {Element} element */
    const look = (element) => {
      append(all, element);
      const root = openRoot(element);
      if (root) lookIn(root);
      if (PICTURES[nameOf(element)] !== true && FRAMES[nameOf(element)] !== true) return;
      const key = fileKey(realm.addressOf(element));
      const known = found.get(key) ?? list();
      append(known, element);
      found.set(key, known);
    };
    /** @param {ShadowRoot} root */
    const lookIn = (root) => {
      append(trees, root);
      const inRoot = allIn(root, "*");
      for (let index = 0; index < countOf(inRoot); index += 1) look(/** @type {Element} */ (nodeOf(inRoot, index)));
    };
    const inDocument = elementsNamed(document, "*");
    for (let index = 0; index < lengthOf(inDocument); index += 1) look(/** @type {Element} */ (itemOf(inDocument, index)));
    const closed = realm.closedRoots();
    closed.forEach(lookIn);
    lookForStyles(trees, all);
    return found;
  }

  /** @param {(Document | ShadowRoot)[]} trees @param {Element[]} all elements in them */
  function lookForStyles(trees, all) {
    let chosen = lately;
    lately = new SafeSet();
    /** @param {Element} element */
    const visit = (element) => chosen.add(element);
    for (let index = 0; index < trees.length; index += 1) {
      if (realm.visitStyled(trees[index], visit)) continue;
      chosen = new SafeSet();
      for (let place = 0; place < all.length && place < MOST_ELEMENTS; place += 1) visit(all[place]);
      break;
    }
    tooMany = chosen.size >= MOST_ELEMENTS;
    styled = list();
    if (tooMany) return;
    chosen.forEach((element) => {
      const style = styleOf(element);
      const images = imagesBy(element, style);
      const cursor = valueOf(style, "cursor");
      if (images !== "" || cursor !== "auto") append(styled, { __proto__: null, element, images, cursor });
    });
  }

  realm.showsFile = (key, kind, verdictOf) => {
    if (!realm.alive()) return UNKNOWN;
    const names = kind === "Image" ? PICTURES : FRAMES;
    holders ??= lookForFiles();
    const known = holders.get(key) ?? list();
    let verdict = UNKNOWN;
    for (let index = 0; index < known.length; index += 1) {
      if (names[nameOf(known[index])] === true) verdict = max(verdict, verdictOf(known[index]));
      if (verdict === SHOWN) return SHOWN;
    }
    if (kind !== "Image") return verdict;
    if (tooMany) return SHOWN;
    const needle = needleOf(key);
    for (let index = 0; index < styled.length; index += 1) {
      const { element, images, cursor } = styled[index];
      if (indexOf(images, needle) >= 0) {
        if (inPicture(element)) return SHOWN;
        lately.add(element);
        verdict = max(verdict, HIDDEN);
      } else if (indexOf(cursor, needle) >= 0) {
        verdict = max(verdict, UNUSED); // films have no pointer
      }
    }
    return verdict;
  };
}
