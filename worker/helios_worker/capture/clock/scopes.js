// The styles of nested compositions: they hold within the element that shows the composition, and nowhere else.
//
// They go to the page's head, so that they are nobody's first or last child.

if (isWindow) {
  const allIn = methodOf(Element.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const nameOf = getterOf(Element.prototype, "localName");
  const setAttribute = methodOf(Element.prototype, "setAttribute");
  const headOf = getterOf(Document.prototype, "head");
  const add = methodOf(Node.prototype, "appendChild");
  const textIn = getterOf(Node.prototype, "textContent");
  const setText = setterOf(Node.prototype, "textContent");
  const sheetOf = getterOf(HTMLStyleElement.prototype, "sheet");
  const rulesOf = getterOf(CSSStyleSheet.prototype, "cssRules");
  const rulesWithin = getterOf(CSSGroupingRule.prototype, "cssRules");
  const ruleCount = getterOf(CSSRuleList.prototype, "length");
  const selectorOf = getterOf(CSSStyleRule.prototype, "selectorText");
  const setSelector = setterOf(CSSStyleRule.prototype, "selectorText");
  const trim = methodOf(String.prototype, "trim");
  const indexOf = methodOf(String.prototype, "indexOf");
  /** Marks what a nested composition's styles hold in. */
  const SCOPE = "data-composition-scope";
  /** The id of a composition in a file, where an element of the page has the same. */
  const AUTHORED_ID = "data-composition-authored-id";
  const { escape } = CSS;

  /** Whether a selector begins with what stands for the whole page. @param {string} selector @param {string} name */
  function beginsWith(selector, name) {
    if (stringSlice(selector, 0, name.length) !== name) return false;
    const next = stringSlice(selector, name.length, name.length + 1);
    return next === "" || indexOf(" .#:[>+~", next) >= 0;
  }

  /** A selector by which a style means the composition where it says the page. @param {string} selectors */
  function scoped(selectors) {
    if (indexOf(selectors, "(") >= 0) return selectors;
    let rest = selectors;
    let result = "";
    while (rest !== "") {
      const comma = indexOf(rest, ",");
      let one = trim(comma < 0 ? rest : stringSlice(rest, 0, comma));
      rest = comma < 0 ? "" : stringSlice(rest, comma + 1, rest.length);
      for (let again = true; again; ) {
        again = false;
        if (beginsWith(one, "html body")) one = stringSlice(one, 5, one.length);
        const page = beginsWith(one, "body") ? "body" : beginsWith(one, "html") ? "html" : beginsWith(one, ":root") ? ":root" : "";
        if (page !== "") one = `:scope${stringSlice(one, page.length, one.length)}`;
      }
      result += `${result && ", "}${one}`;
    }
    return result;
  }

  /** @param {CSSRuleList} rules @param {string} id of the composition in the file, where it has lost it */
  function scopeRules(rules, id) {
    for (let index = 0; index < ruleCount(rules); index += 1) {
      const rule = /** @type {any} */ (rules[index]);
      try {
        const selector = selectorOf(rule);
        const within = scoped(realm.selecting(selector, id));
        if (within !== selector) setSelector(rule, within);
        continue;
      } catch {
        // no rule of a style
      }
      try {
        scopeRules(rulesWithin(rule), id);
      } catch {
        // a rule without others in it
      }
    }
  }

  /** The end of what a style imports, in its text from a place on. @param {string} text @param {number} from */
  function endOfImport(text, from) {
    let at = from;
    let closes = "";
    for (; at < text.length; at += 1) {
      const letter = stringSlice(text, at, at + 1);
      if (closes !== "") {
        if (letter === closes) closes = "";
      } else if (letter === '"' || letter === "'") closes = letter;
      else if (letter === "(") closes = ")";
      else if (letter === ";") break;
    }
    return at + 1;
  }

  /** A style's text that holds within an element alone. Imports must come first, and hold for the page. @param {string} text @param {string} scope */
  function scopedText(text, scope) {
    let imports = "";
    let rest = text;
    for (let at = indexOf(rest, "@import"); at >= 0; at = indexOf(rest, "@import")) {
      const end = endOfImport(rest, at);
      imports += `${stringSlice(rest, at, end)}\n`;
      rest = stringSlice(rest, 0, at) + stringSlice(rest, end, rest.length);
    }
    return `${imports}@scope (${scope}) {\n${rest}\n}`;
  }

  let scopes = 0;
  /** @param {string} letter */
  const isOfName = (letter) => letter !== "" && indexOf(" .#:[>+~,()*\n\t{", letter) < 0;

  realm.selecting = (selectors, id) => {
    if (id === "") return selectors;
    const name = `#${escape(id)}`;
    let result = "";
    let rest = selectors;
    for (let at = indexOf(rest, name); at >= 0; at = indexOf(rest, name)) {
      const end = at + name.length;
      const isWhole = !isOfName(stringSlice(rest, end, end + 1));
      result += stringSlice(rest, 0, at) + (isWhole ? `[${AUTHORED_ID}="${id}"]` : name);
      rest = stringSlice(rest, end, rest.length);
    }
    return result + rest;
  };

  realm.scopeStyles = (host) => {
    scopes += 1;
    setAttribute(host, SCOPE, NativeString(scopes));
    const styles = allIn(host, "style, link[rel=stylesheet]");
    /** @type {CSSStyleSheet[]} */
    const sheets = list();
    for (let index = 0; index < nodesIn(styles); index += 1) {
      const style = /** @type {HTMLStyleElement} */ (styles[index]);
      const isLink = nameOf(style) === "link";
      if (!isLink) setText(style, scopedText(textIn(style) ?? "", `[${SCOPE}="${scopes}"]`));
      add(headOf(document), style);
      const sheet = isLink ? null : sheetOf(style);
      if (sheet) append(sheets, sheet);
    }
    /** @param {string} id */
    const scopeAll = (id) => {
      for (let index = 0; index < sheets.length; index += 1) scopeRules(rulesOf(sheets[index]), id);
    };
    scopeAll("");
    return scopeAll;
  };
}
