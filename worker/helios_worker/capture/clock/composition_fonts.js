// The fonts that HyperFrames' renderer has for compositions that name them and bring none (capture/content/fonts.py), and how it
// has text drawn.

/**
 * What gives the page the worker's fonts: by a sheet that is none of the document's own, so that a page finds its own ones in
 * their places and no policy forbids it, and in a layer, so that all that the page says comes first. Called again, it takes
 * back those that the page declares itself by then.
 * @param {ReturnType<typeof createFiles>} files
 */
function createCompositionFonts({ read }) {
  const fontsOf = getterOf(Document.prototype, "fonts");
  const eachFont = methodOf(FontFaceSet.prototype, "forEach");
  const fontCount = getterOf(FontFaceSet.prototype, "size");
  const familyOf = getterOf(FontFace.prototype, "family");
  const Sheet = CSSStyleSheet;
  const setText = methodOf(CSSStyleSheet.prototype, "replaceSync");
  const adoptedOf = getterOf(Document.prototype, "adoptedStyleSheets");
  const rulesOf = getterOf(CSSStyleSheet.prototype, "cssRules");
  const rulesWithin = getterOf(CSSGroupingRule.prototype, "cssRules");
  const ruleCount = getterOf(CSSRuleList.prototype, "length");
  const deleteRule = methodOf(CSSGroupingRule.prototype, "deleteRule");
  const styleOf = getterOf(CSSFontFaceRule.prototype, "style");
  const valueOf = methodOf(CSSStyleDeclaration.prototype, "getPropertyValue");
  const lowerCase = methodOf(String.prototype, "toLowerCase");
  const typeOf = getterOf(CSSRule.prototype, "type");
  const { FONT_FACE_RULE } = CSSRule;
  const SHEET = "http://fonts.composition.localhost/fonts.css";
  const TEXT = "html, body, * { text-rendering: geometricPrecision }";

  /** @type {CSSStyleSheet | null} */
  let sheet = null;
  let isTried = false;
  let known = 0; // how many fonts there were when those of the page were taken back

  function bring() {
    isTried = true;
    const { status, text } = read(SHEET);
    if (status !== 200) return;
    const made = new Sheet();
    setText(made, `@layer {\n${text}${TEXT}\n}`);
    sheet = made;
  }

  /** Has the page keep them where it has set its adopted sheets anew. @param {CSSStyleSheet} own */
  function adopt(own) {
    const adopted = adoptedOf(document);
    for (let index = 0; index < adopted.length; index += 1) if (adopted[index] === own) return;
    adopted[adopted.length] = own;
  }

  /** A family's name by which CSS compares it. @param {string} name */
  function plainName(name) {
    const quote = stringSlice(name, 0, 1);
    return lowerCase(quote === '"' || quote === "'" ? stringSlice(name, 1, name.length - 1) : name);
  }

  /** Takes back the families that the page declares too. @param {CSSGroupingRule} own */
  function takeBack(own) {
    /** @type {SafeMap<string, number>} how many faces a family has, without ours */
    const counts = new SafeMap();
    eachFont(fontsOf(document), (face) => {
      const name = plainName(familyOf(face));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    });
    const rules = rulesWithin(own);
    /** @type {string[]} */
    const names = list();
    for (let index = 0; index < ruleCount(rules); index += 1) {
      const rule = /** @type {CSSFontFaceRule} */ (rules[index]);
      if (typeOf(rule) !== FONT_FACE_RULE) continue;
      const name = plainName(valueOf(styleOf(rule), "font-family"));
      append(names, name);
      counts.set(name, (counts.get(name) ?? 0) - 1);
    }
    for (let index = names.length - 1; index >= 0; index -= 1) {
      if ((counts.get(names[index]) ?? 0) > 0) deleteRule(own, index);
    }
  }

  return () => {
    try {
      if (!isTried) bring();
      if (sheet === null) return;
      adopt(sheet);
      if (fontCount(fontsOf(document)) === known) return;
      takeBack(/** @type {CSSGroupingRule} */ (rulesOf(sheet)[0]));
      known = fontCount(fontsOf(document));
    } catch {
      // the page's policy forbids requests, which the browser's log says
    }
  };
}
