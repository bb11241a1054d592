// The fonts that HyperFrames' renderer has for compositions that name them and bring none (capture/content/fonts.py), and how it
// has text drawn.
//
// A font is named by `font-family` in a <style> or an element's style, also by way of a custom property, or by data-font-family.
// As there, `font` and linked style sheets name none: they show the machine's.

/**
 * What gives the page the worker's fonts: by a sheet that is none of the document's own, so that a page finds its own ones in
 * their places and no policy forbids it, and in a layer, so that all that the page says comes first. Called again, it brings
 * those that are named since, and takes back those that the page declares itself by then.
 * @param {ReturnType<typeof createFiles>} files
 */
function createCompositionFonts({ read }) {
  const all = methodOf(Document.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const textIn = getterOf(Node.prototype, "textContent");
  const fontsOf = getterOf(Document.prototype, "fonts");
  const eachFont = methodOf(FontFaceSet.prototype, "forEach");
  const fontCount = getterOf(FontFaceSet.prototype, "size");
  const familyOf = getterOf(FontFace.prototype, "family");
  const Sheet = CSSStyleSheet;
  const setRules = methodOf(CSSStyleSheet.prototype, "replaceSync");
  const adoptedOf = getterOf(Document.prototype, "adoptedStyleSheets");
  const lowerCase = methodOf(String.prototype, "toLowerCase");
  const indexOf = methodOf(String.prototype, "indexOf");
  const trim = methodOf(String.prototype, "trim");
  const SHEET = "http://fonts.composition.localhost/fonts.css";
  const TEXT = "html, body, * { text-rendering: geometricPrecision }";

  /** @type {CSSStyleSheet | null} */
  let sheet = null;
  /** @type {{ __proto__: null, family: string, rule: string }[]} a rule for each weight of each family */
  let lent = list();
  let lentNow = "";
  let known = 0; // how many fonts there were when those of the page were counted

  /** The worker's style sheet. "" where the page's policy forbids requests, which the browser's log says. */
  function textOfSheet() {
    try {
      const { status, text } = read(SHEET);
      return status === 200 ? text : "";
    } catch {
      return "";
    }
  }

  /** The rules of the worker's style sheet, one a line. */
  function rulesLent() {
    const found = list();
    let rest = textOfSheet();
    for (let end = indexOf(rest, "\n"); end > 0; end = indexOf(rest, "\n")) {
      const rule = stringSlice(rest, 0, end);
      rest = stringSlice(rest, end + 1, rest.length);
      const from = indexOf(rule, '"') + 1;
      append(found, { __proto__: null, family: lowerCase(stringSlice(rule, from, indexOf(rule, '"', from))), rule });
    }
    return found;
  }

  /** A family's name by which CSS compares it. @param {string} name */
  function plainName(name) {
    const bare = trim(name);
    const quote = stringSlice(bare, 0, 1);
    return lowerCase(quote === '"' || quote === "'" ? stringSlice(bare, 1, bare.length - 1) : bare);
  }

  /** The values that a property is given in some styles. @param {string} styles in small letters @param {string} property */
  function valuesOf(styles, property) {
    const values = list();
    for (let at = indexOf(styles, property); at >= 0; at = indexOf(styles, property, at + 1)) {
      const after = trim(stringSlice(styles, at + property.length, at + property.length + 500));
      if (stringSlice(after, 0, 1) !== ":") continue;
      let end = 1;
      while (end < after.length && indexOf(";{}", stringSlice(after, end, end + 1)) < 0) end += 1;
      append(values, trim(stringSlice(after, 1, end)));
    }
    return values;
  }

  /** All that may name a font in the document, as one text in small letters. */
  function stylesNamed() {
    let text = "";
    const sheets = all(document, "style");
    for (let index = 0; index < nodesIn(sheets); index += 1) text += `${textIn(sheets[index])};`;
    const elements = all(document, "[style], [data-font-family]");
    for (let index = 0; index < nodesIn(elements); index += 1) {
      const element = /** @type {Element} */ (elements[index]);
      text += `${attributeOf(element, "style") ?? ""};font-family:${attributeOf(element, "data-font-family") ?? ""};`;
    }
    return lowerCase(text);
  }

  /** The families that the document names. @returns {SafeSet<string>} */
  function familiesNamed() {
    const text = stylesNamed();
    /** @type {SafeSet<string>} */
    const found = new SafeSet();
    /** @param {string} value @param {number} depth */
    const take = (value, depth) => {
      for (let rest = value; rest !== ""; ) {
        const comma = indexOf(rest, ",");
        const one = trim(comma < 0 ? rest : stringSlice(rest, 0, comma));
        rest = comma < 0 ? "" : stringSlice(rest, comma + 1, rest.length);
        if (stringSlice(one, 0, 4) !== "var(") {
          found.add(plainName(one[one.length - 1] === ")" ? stringSlice(one, 0, one.length - 1) : one));
          continue;
        }
        const name = trim(stringSlice(one, 4, one.length));
        const given = valuesOf(text, name[name.length - 1] === ")" ? stringSlice(name, 0, name.length - 1) : name);
        for (let index = 0; index < given.length && depth < 8; index += 1) take(given[index], depth + 1);
      }
    };
    const values = valuesOf(text, "font-family");
    for (let index = 0; index < values.length; index += 1) take(values[index], 0);
    return found;
  }

  /** The rules of the families that the page names and does not declare itself. */
  function rulesNeeded() {
    const sought = familiesNamed();
    /** @type {SafeMap<string, number>} how many faces a family has, without ours */
    const counts = new SafeMap();
    eachFont(fontsOf(document), (face) => {
      const name = plainName(familyOf(face));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    });
    let rules = "";
    for (let index = 0; index < lent.length; index += 1) {
      const { family, rule } = lent[index];
      if (indexOf(lentNow, rule) >= 0) counts.set(family, (counts.get(family) ?? 0) - 1);
    }
    for (let index = 0; index < lent.length; index += 1) {
      const { family, rule } = lent[index];
      if (sought.has(family) && (counts.get(family) ?? 0) <= 0) rules += `${rule}\n`;
    }
    return rules;
  }

  /** Has the page keep them where it has set its adopted sheets anew. @param {CSSStyleSheet} own */
  function adopt(own) {
    const adopted = adoptedOf(document);
    for (let index = 0; index < adopted.length; index += 1) if (adopted[index] === own) return;
    adopted[adopted.length] = own;
  }

  /** @param {boolean} isNew whether there may be new styles */
  return (isNew) => {
    const isFirst = sheet === null;
    if (isFirst) lent = rulesLent();
    sheet ??= new Sheet();
    adopt(sheet);
    if (!isNew && fontCount(fontsOf(document)) === known) return;
    const rules = rulesNeeded();
    if (isFirst || rules !== lentNow) setRules(sheet, `@layer {\n${rules}${TEXT}\n}`);
    lentNow = rules;
    known = fontCount(fontsOf(document));
  };
}
