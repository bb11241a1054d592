// Which elements a style may give an image, for shown.js: it asks their computed styles, which is dear, and no others'.
//
// A style names its image by url() or image-set(), in a rule or in a style attribute. The rules that do are looked for
// once in each sheet; their selectors say which elements they match by now. Where that does not tell (custom properties
// and keyframes reach other elements than the rule's, sheets of another origin cannot be read), any element may have one.

if (isWindow) {
  const allIn = methodOf(DocumentFragment.prototype, "querySelectorAll");
  const allInDocument = methodOf(Document.prototype, "querySelectorAll");
  const countOf = getterOf(NodeList.prototype, "length");
  const nodeOf = methodOf(NodeList.prototype, "item");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const sheetsOf = getterOf(Document.prototype, "styleSheets");
  const sheetsInRoot = getterOf(ShadowRoot.prototype, "styleSheets");
  const adoptedBy = getterOf(Document.prototype, "adoptedStyleSheets");
  const adoptedByRoot = getterOf(ShadowRoot.prototype, "adoptedStyleSheets");
  const sheetCount = getterOf(StyleSheetList.prototype, "length");
  const sheetOf = methodOf(StyleSheetList.prototype, "item");
  const rulesOf = getterOf(CSSStyleSheet.prototype, "cssRules");
  const rulesWithin = getterOf(CSSGroupingRule.prototype, "cssRules");
  const rulesNested = getterOf(CSSStyleRule.prototype, "cssRules");
  const ruleCount = getterOf(CSSRuleList.prototype, "length");
  const ruleOf = methodOf(CSSRuleList.prototype, "item");
  const ruleText = getterOf(CSSRule.prototype, "cssText");
  const typeOf = getterOf(CSSRule.prototype, "type");
  const selectorOf = getterOf(CSSStyleRule.prototype, "selectorText");
  const importedSheet = getterOf(CSSImportRule.prototype, "styleSheet");
  const { STYLE_RULE, IMPORT_RULE, FONT_FACE_RULE, NAMESPACE_RULE } = CSSRule;
  const animationsOf = methodOf(Document.prototype, "getAnimations");
  const animationsIn = methodOf(ShadowRoot.prototype, "getAnimations");
  const effectOf = getterOf(Animation.prototype, "effect");
  const keyframesOf = methodOf(KeyframeEffect.prototype, "getKeyframes");

  const IMAGES = list("url(", "URL(", "image-set(");
  const INHERITED = list("background", "background-image", "mask", "mask-image", "border-image", "content", "all");
  const STYLED = '[style*="url(" i], [style*="image-set(" i], [style*="inherit" i], [background]';

  /** @typedef {{ __proto__: null, count: number, selectors: string[] | null }} Reading null: any element may have an image */
  /** @type {SafeWeakMap<CSSStyleSheet, Reading>} */
  let readings = new SafeWeakMap();
  /** Whether a script holds rules that it may change at any time, or sets keyframes. */
  let anyMay = false;
  /** @type {SafeWeakSet<AnimationEffect>} effects that animate no image */
  const plainEffects = new SafeWeakSet();

  /** @param {string} text */
  function namesImage(text) {
    for (let index = 0; index < IMAGES.length; index += 1) if (indexOf(text, IMAGES[index]) >= 0) return true;
    return false;
  }

  /** Whether a rule has an element show what its parent shows. @param {string} text */
  function inheritsImage(text) {
    if (indexOf(text, "inherit") < 0) return false;
    for (let index = 0; index < INHERITED.length; index += 1) {
      if (indexOf(text, `${INHERITED[index]}: inherit`) >= 0) return true;
    }
    return false;
  }

  /** @param {string} letter */
  const isOfName = (letter) => (letter >= "a" && letter <= "z") || letter === "-";

  /** A selector without its pseudo-elements: their computed styles are asked with the element's. @param {string} selector */
  function withoutParts(selector) {
    let rest = "";
    let from = 0;
    for (let at = indexOf(selector, "::"); at >= 0; at = indexOf(selector, "::", from)) {
      rest += stringSlice(selector, from, at);
      const before = at > 0 ? selector[at - 1] : " ";
      if (before === " " || before === "," || before === "(" || before === ">") rest += "*";
      from = at + 2;
      while (from < selector.length && isOfName(selector[from])) from += 1;
    }
    return rest + stringSlice(selector, from, selector.length);
  }

  /**
   * @param {CSSRuleList} rules
   * @param {string[]} selectors to which those of the rules are added
   * @returns {boolean} whether they say all
   */
  function readRules(rules, selectors) {
    for (let index = 0; index < ruleCount(rules); index += 1) {
      const rule = /** @type {CSSRule} */ (ruleOf(rules, index));
      const type = typeOf(rule);
      if (type === FONT_FACE_RULE || type === NAMESPACE_RULE) continue;
      if (type === IMPORT_RULE) {
        const imported = importedSheet(/** @type {CSSImportRule} */ (rule));
        if (imported === null || !readRules(rulesOf(imported), selectors)) return false;
        continue;
      }
      const text = ruleText(rule);
      if (!namesImage(text) && !inheritsImage(text)) continue;
      if (type !== STYLE_RULE) {
        if (stringSlice(text, 0, 6) === "@scope") return false;
        if (!readRules(rulesWithin(/** @type {CSSGroupingRule} */ (rule)), selectors)) return false; // throws where there are none
        continue;
      }
      const selector = selectorOf(/** @type {CSSStyleRule} */ (rule));
      const body = stringSlice(text, selector.length, text.length);
      if (indexOf(body, "--") >= 0 || indexOf(body, "list-style") >= 0) return false;
      if (ruleCount(rulesNested(/** @type {CSSStyleRule} */ (rule))) > 0) return false;
      if (indexOf(selector, ":host") >= 0 || indexOf(selector, "::part") >= 0 || indexOf(selector, "::slotted") >= 0) return false;
      append(selectors, withoutParts(selector));
    }
    return true;
  }

  /** @param {CSSStyleSheet} sheet @returns {string[] | null} */
  function selectorsOf(sheet) {
    const rules = rulesOf(sheet);
    const count = ruleCount(rules);
    const known = readings.get(sheet);
    if (known?.count === count) return known.selectors;
    /** @type {string[]} */
    const found = list();
    let selectors = null;
    try {
      if (readRules(rules, found)) selectors = found;
    } catch {
      // a rule of a kind that is not known here
    }
    // What is imported may still arrive, or be a sheet that changes.
    const imports = count > 0 && typeOf(/** @type {CSSRule} */ (ruleOf(rules, 0))) === IMPORT_RULE;
    if (!imports) readings.set(sheet, { __proto__: null, count, selectors });
    return selectors;
  }

  /** Whether an animation shows images of its own. @param {Animation[]} animations */
  function animateImages(animations) {
    for (let index = 0; index < animations.length; index += 1) {
      const effect = effectOf(animations[index]);
      if (effect === null || plainEffects.has(effect)) continue;
      const keyframes = keyframesOf(/** @type {KeyframeEffect} */ (effect));
      for (let at = 0; at < keyframes.length; at += 1) {
        ReflectSetPrototypeOf(keyframes[at], null); // it is ours: each call makes new ones
        if (namesImage(JSONStringify(keyframes[at]))) return true;
      }
      plainEffects.add(effect);
    }
    return false;
  }

  /**
   * @param {Document | ShadowRoot} tree
   * @param {(element: Element) => void} visit
   * @returns {boolean} whether no other element can show an image by its style
   */
  function visitStyled(tree, visit) {
    const isRoot = tree !== document;
    const root = /** @type {ShadowRoot} */ (tree);
    if (animateImages(isRoot ? animationsIn(root) : animationsOf(document))) return false;
    /** @param {string} selector */
    const visitAll = (selector) => {
      const elements = isRoot ? allIn(root, selector) : allInDocument(document, selector);
      for (let index = 0; index < countOf(elements); index += 1) visit(/** @type {Element} */ (nodeOf(elements, index)));
      return elements;
    };
    /** @param {CSSStyleSheet} sheet */
    const visitOfSheet = (sheet) => {
      const selectors = selectorsOf(sheet);
      for (let index = 0; selectors !== null && index < selectors.length; index += 1) visitAll(selectors[index]);
      return selectors !== null;
    };
    const sheets = isRoot ? sheetsInRoot(root) : sheetsOf(document);
    for (let index = 0; index < sheetCount(sheets); index += 1) {
      if (!visitOfSheet(/** @type {CSSStyleSheet} */ (sheetOf(sheets, index)))) return false;
    }
    const adopted = isRoot ? adoptedByRoot(root) : adoptedBy(document);
    for (let index = 0; index < adopted.length; index += 1) if (!visitOfSheet(adopted[index])) return false;
    const styled = visitAll(STYLED);
    for (let index = 0; index < countOf(styled); index += 1) {
      const text = attributeOf(/** @type {Element} */ (nodeOf(styled, index)), "style") ?? "";
      if (indexOf(text, "--") >= 0 || indexOf(text, "list-style") >= 0) return false;
    }
    return true;
  }

  realm.visitStyled = (tree, visit) => {
    try {
      return !anyMay && visitStyled(tree, visit);
    } catch {
      return false; // a sheet of another origin, a selector with a namespace
    }
  };

  watchRules(
    () => (readings = new SafeWeakMap()),
    () => (anyMay = true),
  );
  after(KeyframeEffect.prototype, "setKeyframes", () => (anyMay = true));
}

/**
 * Watches what scripts do to the rules of style sheets.
 * @param {() => void} readAgain called when they have changed some
 * @param {() => void} anyMay called when they hold what lets them change some at any time
 */
function watchRules(readAgain, anyMay) {
  after(CSSStyleSheet.prototype, "replaceSync", readAgain);
  after(CSSStyleSheet.prototype, "insertRule", readAgain);
  after(CSSStyleSheet.prototype, "addRule", readAgain);
  after(CSSStyleSheet.prototype, "deleteRule", readAgain);
  after(CSSStyleSheet.prototype, "removeRule", readAgain);
  after(CSSGroupingRule.prototype, "insertRule", readAgain);
  after(CSSGroupingRule.prototype, "deleteRule", readAgain);
  after(CSSStyleRule.prototype, "insertRule", readAgain);
  after(CSSStyleRule.prototype, "deleteRule", readAgain);
  after(CSSStyleRule.prototype, "selectorText", readAgain);
  after(CSSStyleSheet.prototype, "replace", anyMay);
  afterRead(CSSStyleRule.prototype, "style", anyMay);
  afterRead(CSSStyleRule.prototype, "styleMap", anyMay);
}
