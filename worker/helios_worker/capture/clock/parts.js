// Whether the page's style sheets may animate what the browser makes inside of form controls (::placeholder,
// ::-webkit-slider-thumb) or of <use>, which holds copies. Only then needs.js has those insides handed over, and
// animations.js asks each of them, again and again. Nothing else moves them: no script reaches them.

if (isWindow) {
  const sheetsOf = getterOf(Document.prototype, "styleSheets");
  const sheetsIn = getterOf(StyleSheetList.prototype, "length");
  const sheetAt = methodOf(StyleSheetList.prototype, "item");
  const adoptedOf = getterOf(Document.prototype, "adoptedStyleSheets");
  const rulesOf = getterOf(CSSStyleSheet.prototype, "cssRules");
  const rulesIn = getterOf(CSSRuleList.prototype, "length");
  const ruleAt = methodOf(CSSRuleList.prototype, "item");
  const textOf = getterOf(CSSRule.prototype, "cssText");
  const importedSheet = getterOf(CSSImportRule.prototype, "styleSheet");
  const find = methodOf(String.prototype, "indexOf");
  const { IMPORT_RULE } = CSSRule;
  const typeOf = getterOf(CSSRule.prototype, "type");
  // The beginnings of pseudo-elements that getAnimations() lists, or that animate nothing.
  const OTHERS = " bef aft bac mar fir sel spe vie cue hig tar gra scr slo par col det ";

  /** @type {SafeWeakMap<CSSStyleSheet, number>} how many rules a sheet had when it was read */
  let readSheets = new SafeWeakMap();
  let may = false;
  let mayCopies = false;

  /** @param {string} text of a rule */
  function namesPart(text) {
    for (let at = find(text, "::"); at >= 0; at = find(text, "::", at + 2)) {
      if (find(OTHERS, ` ${stringSlice(text, at + 2, at + 5)} `) < 0) return true;
    }
    return false;
  }

  /** @param {CSSStyleSheet} sheet @returns {boolean} */
  function animates(sheet) {
    const rules = rulesOf(sheet); // throws for one of another origin
    const count = rulesIn(rules);
    if (readSheets.get(sheet) === count) return false;
    for (let index = 0; index < count; index += 1) {
      const rule = /** @type {CSSRule} */ (ruleAt(rules, index));
      if (typeOf(rule) === IMPORT_RULE) {
        const imported = importedSheet(/** @type {CSSImportRule} */ (rule));
        if (imported === null || animates(imported)) return true;
        continue;
      }
      const text = textOf(rule);
      mayCopies ||= find(text, "animation") >= 0;
      const moves = find(text, "animation") >= 0 || find(text, "transition") >= 0 || find(text, "all:") >= 0;
      if (moves && namesPart(text)) return true;
    }
    readSheets.set(sheet, count);
    return false;
  }

  realm.animatesCopies = () => {
    if (!mayCopies) mayCopies = realm.animatesParts() || mayCopies;
    return mayCopies;
  };
  realm.animatesParts = () => {
    if (may) return true;
    try {
      const sheets = sheetsOf(document);
      for (let index = 0; index < sheetsIn(sheets); index += 1) {
        may ||= animates(/** @type {CSSStyleSheet} */ (sheetAt(sheets, index)));
      }
      const adopted = adoptedOf(document);
      for (let index = 0; index < adopted.length; index += 1) may ||= animates(adopted[index]);
    } catch {
      may = true;
    }
    return may;
  };

  watchRules(
    () => (readSheets = new SafeWeakMap()),
    () => (may = true),
  );
}
