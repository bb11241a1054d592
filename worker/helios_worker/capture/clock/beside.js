// The files that a nested composition of HyperFrames' names: relative to its own file, or else to the page.
//
// A composition's file may lie in a folder of its own, with pictures, styles and scripts beside it. What its markup and its
// styles name is looked for there first. A style attribute means the page's file first. What scripts name is the page's.

if (isWindow) {
  const files = createFiles();
  const Address = URL;
  const hrefOf = getterOf(URL.prototype, "href");
  const baseOf = getterOf(Node.prototype, "baseURI");
  const allIn = methodOf(DocumentFragment.prototype, "querySelectorAll");
  const allOf = methodOf(Document.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const setAttribute = methodOf(Element.prototype, "setAttribute");
  const nameOf = getterOf(Element.prototype, "localName");
  const contentOf = getterOf(HTMLTemplateElement.prototype, "content");
  const textIn = getterOf(Node.prototype, "textContent");
  const setText = setterOf(Node.prototype, "textContent");
  const indexOf = methodOf(String.prototype, "indexOf");
  const lastIndexOf = methodOf(String.prototype, "lastIndexOf");
  const trim = methodOf(String.prototype, "trim");

  /** @param {string} address @param {string} base */
  const resolved = (address, base) => {
    try {
      return hrefOf(new Address(address, base));
    } catch {
      return "";
    }
  };
  /** Whether an address leaves it to its base where it leads. @param {string} address */
  const isRelative = (address) => {
    const first = stringSlice(address, 0, 1);
    if (first === "" || first === "/" || first === "#" || first === "?" || first === "$" || first === "{") return false;
    const colon = indexOf(address, ":");
    const slash = indexOf(address, "/");
    return colon < 0 || (slash >= 0 && slash < colon);
  };

  /**
   * What an address in a composition's file means, for the page.
   * @param {string} address
   * @param {string} file
   * @param {boolean} isOfPage whether the page's file comes first
   */
  function meant(address, file, isOfPage) {
    if (!isRelative(address)) return address;
    const beside = resolved(address, file);
    const ofPage = resolved(address, baseOf(document));
    if (beside === ofPage || beside === "") return address;
    if (isOfPage) return files.isThere(ofPage) ? address : beside;
    return files.isThere(beside) ? beside : address;
  }

  /** A style's text with what its url()s mean. @param {string} text @param {string} file @param {boolean} isOfPage */
  function meantStyle(text, file, isOfPage) {
    let result = "";
    let rest = text;
    for (let at = indexOf(rest, "url("); at >= 0; at = indexOf(rest, "url(")) {
      const end = indexOf(stringSlice(rest, at, rest.length), ")");
      if (end < 0) break;
      let address = trim(stringSlice(rest, at + 4, at + end));
      const quote = stringSlice(address, 0, 1);
      const isQuoted = (quote === '"' || quote === "'") && lastIndexOf(address, quote) === address.length - 1;
      if (isQuoted) address = stringSlice(address, 1, address.length - 1);
      const found = meant(address, file, isOfPage);
      const shown = found === address ? stringSlice(rest, at, at + end + 1) : `url("${found}")`;
      result += stringSlice(rest, 0, at) + shown;
      rest = stringSlice(rest, at + end + 1, rest.length);
    }
    return result + rest;
  }

  const NAMING = list("src", "href", "poster");
  /** @param {Element} element @param {string} file */
  function name(element, file) {
    if (nameOf(element) === "a") return;
    for (let index = 0; index < NAMING.length; index += 1) {
      const address = attributeOf(element, NAMING[index]);
      if (address === null) continue;
      const found = meant(trim(address), file, false);
      if (found !== trim(address)) setAttribute(element, NAMING[index], found);
    }
    const style = attributeOf(element, "style");
    if (style !== null && indexOf(style, "url(") >= 0) setAttribute(element, "style", meantStyle(style, file, true));
    if (nameOf(element) !== "style") return;
    const text = textIn(element) ?? "";
    if (indexOf(text, "url(") >= 0) setText(element, meantStyle(text, file, false));
  }

  const NAMED = "[src], [href], [poster], [style], style, template";
  /** @param {NodeListOf<Element>} elements @param {string} file */
  function nameEach(elements, file) {
    for (let index = 0; index < nodesIn(elements); index += 1) {
      const element = elements[index];
      const isTemplate = nameOf(element) === "template";
      const content = isTemplate ? contentOf(/** @type {HTMLTemplateElement} */ (element)) : null;
      if (content) nameEach(allIn(content, NAMED), file);
      else name(element, file);
    }
  }

  realm.nameBeside = (tree, address) => nameEach(allOf(tree, NAMED), resolved(address, baseOf(document)));
}
