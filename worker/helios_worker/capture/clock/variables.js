// Variables of HyperFrames' compositions: what window.__hyperframes.getVariables() returns, and what attributes bind to them.
//
// A composition declares them, with defaults, in data-composition-variables on any of its elements, mostly <html>. The film's
// props have the last word.

if (isWindow) {
  const parse = JSON.parse;
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const setAttribute = methodOf(Element.prototype, "setAttribute");
  const allOfPage = methodOf(Document.prototype, "querySelectorAll");
  const matching = methodOf(Element.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const childrenOf = getterOf(Node.prototype, "childNodes");
  const typeOf = getterOf(Node.prototype, "nodeType");
  const parentOf = getterOf(Node.prototype, "parentElement");
  const closest = methodOf(Element.prototype, "closest");
  const dataOf = getterOf(CharacterData.prototype, "data");
  const setData = setterOf(CharacterData.prototype, "data");
  const newText = methodOf(Document.prototype, "createTextNode");
  const prepend = methodOf(Node.prototype, "insertBefore");
  const firstOf = getterOf(Node.prototype, "firstChild");
  const lowerCase = methodOf(String.prototype, "toLowerCase");
  const setValue = methodOf(CSSStyleDeclaration.prototype, "setProperty");
  const styleOf = getterOf(HTMLElement.prototype, "style");

  /**
   * The values of a text that says an object, {} where it says none. Its own properties alone.
   * @param {string | null} text
   * @returns {Record<string, any>}
   */
  function valuesIn(text) {
    try {
      const found = text === null ? null : parse(text);
      return typeof found === "object" && found !== null ? found : pageObject();
    } catch {
      return pageObject();
    }
  }

  /** The defaults of a list of declarations. @param {string | null} text @returns {Record<string, any>} */
  function defaultsIn(text) {
    const declared = valuesIn(text);
    /** @type {Record<string, any>} */
    const values = pageObject();
    for (let index = 0; index < (NativeNumber(declared.length) || 0); index += 1) {
      const { value: id } = descriptorOf(declared[index] ?? undefined, "id");
      const { value } = descriptorOf(declared[index] ?? undefined, "default");
      if (typeof id === "string" && value !== undefined) define(values, id, value);
    }
    return values;
  }

  /** @param {object} values @param {string} id @param {any} value */
  function define(values, id, value) {
    ReflectDefineProperty(values, id, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  }

  /** @param {Record<string, any>} values @param {any} others */
  function override(values, others) {
    if (typeof others !== "object" || others === null) return values;
    const names = ObjectKeys(others);
    for (let index = 0; index < names.length; index += 1) define(values, names[index], others[names[index]]);
    return values;
  }

  /** What a composition's variables are: declared, given by the host, given to the film. */
  realm.variables = (declared, given) => override(override(defaultsIn(declared), valuesIn(given)), config.props);
  const DECLARED = "data-composition-variables";
  /** The elements of the page that declare variables, without those in nested compositions; later ones win. */
  function declaring() {
    const elements = allOfPage(document, `[${DECLARED}]`);
    /** @type {Element[]} */
    const found = list();
    for (let index = 0; index < nodesIn(elements); index += 1) {
      if (nestedIn(elements[index]) === null) append(found, elements[index]);
    }
    return found;
  }
  function ofPage() {
    const elements = declaring();
    const values = pageObject();
    for (let index = 0; index < elements.length; index += 1) override(values, defaultsIn(attributeOf(elements[index], DECLARED)));
    return override(values, config.props);
  }
  const inherited = /** @type {any} */ (window).__hyperframes || pageObject();
  define(inherited, "getVariables", ofPage);
  ReflectDefineProperty(window, "__hyperframes", { __proto__: null, value: inherited, writable: true, configurable: true });

  /** Whether an element shows a composition from a file. @param {Element} element */
  const isNested = (element) => attributeOf(element, "data-composition-scope") !== null; // scopes.js
  /** The element around another that shows the nested composition that it is in, null for one of the page itself. @param {Element} element */
  function nestedIn(element) {
    const parent = parentOf(element);
    return parent === null ? null : closest(parent, "[data-composition-scope]");
  }

  /** @param {any} value @returns {string | null} */
  const textOf = (value) =>
    typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? NativeString(value) : null;

  /** Puts a text in the place of an element's own, and leaves its elements. @param {Element} element @param {string} text */
  function setOwnText(element, text) {
    let isSet = false;
    const nodes = childrenOf(element);
    for (let node = firstOf(element), index = 0; node; index += 1, node = nodes[index]) {
      if (typeOf(node) !== 3) continue;
      const own = /** @type {CharacterData} */ (/** @type {unknown} */ (node));
      if (!isSet || dataOf(own) !== "") setData(own, isSet ? "" : text);
      isSet = true;
    }
    if (!isSet) prepend(element, newText(document, text), firstOf(element));
  }

  /** The CSS property of a variable: in small letters and digits, with a hyphen for each run of other characters. @param {string} id */
  function propertyOf(id) {
    const lower = lowerCase(id);
    let name = "";
    let isApart = false;
    for (let index = 0; index < lower.length; index += 1) {
      const letter = stringSlice(lower, index, index + 1);
      const isKept = (letter >= "a" && letter <= "z") || (letter >= "0" && letter <= "9");
      if (isKept) name += `${isApart && name !== "" ? "-" : ""}${letter}`;
      isApart = !isKept;
    }
    return `--${name || "node"}`;
  }

  /** @param {Element} element @param {Record<string, any>} values */
  function setProperties(element, values) {
    const names = ObjectKeys(values);
    for (let index = 0; index < names.length; index += 1) {
      const text = textOf(values[names[index]]);
      if (text !== null && text !== "") setValue(styleOf(/** @type {HTMLElement} */ (element)), propertyOf(names[index]), text);
    }
  }

  /**
   * Binds a composition's elements and styles to its variables.
   * @param {Element} composition
   * @param {Record<string, any>} values
   */
  realm.bindVariables = (composition, values) => {
    setProperties(composition, values);
    /** @param {string} attribute @param {(element: Element, value: any) => void} bind */
    const bindAll = (attribute, bind) => {
      const elements = matching(composition, `[${attribute}]`);
      for (let index = 0; index < nodesIn(elements); index += 1) {
        const element = /** @type {Element} */ (elements[index]);
        const isOwn = nestedIn(element) === (isNested(composition) ? composition : null);
        const { value } = descriptorOf(values, attributeOf(element, attribute) ?? "");
        if (isOwn && value !== undefined) bind(element, value);
      }
    };
    bindAll("data-var-text", (element, value) => {
      const text = textOf(value);
      if (text !== null) setOwnText(element, text);
    });
    bindAll("data-var-src", (element, value) => {
      const address = textOf(value) ?? textOf(descriptorOf(value ?? undefined, "url").value);
      if (address !== null) setAttribute(element, "src", address);
    });
  };
  realm.bindPage = () => {
    const composition = realm.composition();
    if (!composition) return;
    realm.bindVariables(composition, ofPage());
    const elements = declaring();
    for (let index = 0; index < elements.length; index += 1) setProperties(elements[index], ofPage());
  };
}
