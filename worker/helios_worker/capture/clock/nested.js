// Nested compositions of HyperFrames: an element with data-composition-src shows what is in that file.
//
// The file's <template> is the composition, or its body where it has none. Its styles hold within the element alone
// (scopes.js), and so do its scripts (composition_scripts.js).
// A script of the page finds the compositions that come before it in the page, as it does once HyperFrames has put them
// there: they are read while the parser waits. Their own scripts run when the page is parsed.

if (isWindow) {
  const Parser = DOMParser;
  const parseText = methodOf(DOMParser.prototype, "parseFromString");
  const first = methodOf(Document.prototype, "querySelector");
  const all = methodOf(Document.prototype, "querySelectorAll");
  const allIn = methodOf(Element.prototype, "querySelectorAll");
  const firstOf = methodOf(DocumentFragment.prototype, "querySelector");
  const allOf = methodOf(DocumentFragment.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const contentOf = getterOf(HTMLTemplateElement.prototype, "content");
  const rootElementOf = getterOf(Document.prototype, "documentElement");
  const bodyOf = getterOf(Document.prototype, "body");
  const stateOf = getterOf(Document.prototype, "readyState");
  const importInto = methodOf(Document.prototype, "importNode");
  const newFragment = methodOf(Document.prototype, "createDocumentFragment");
  const firstChild = getterOf(Node.prototype, "firstChild");
  const nextSibling = getterOf(Node.prototype, "nextSibling");
  const parentOf = getterOf(Node.prototype, "parentNode");
  const add = methodOf(Node.prototype, "appendChild");
  const removeNode = methodOf(Element.prototype, "remove");
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const byId = methodOf(Document.prototype, "getElementById");
  const setAttribute = methodOf(Element.prototype, "setAttribute");
  const removeAttribute = methodOf(Element.prototype, "removeAttribute");
  const observe = methodOf(MutationObserver.prototype, "observe");
  const disconnect = methodOf(MutationObserver.prototype, "disconnect");
  const { escape } = CSS;
  const SOURCE = "[data-composition-src]";
  const COMPOSITION = "[data-composition-id]";

  const files = createFiles();
  const { read } = files;
  const lendFonts = createCompositionFonts(files);
  const { runScripts, registries } = createCompositionScripts();
  /** @type {SafeWeakSet<Element>} */
  const mounted = new SafeWeakSet();
  /** @type {SafeWeakMap<Element, string>} where the file that an element shows was found */
  const locations = new SafeWeakMap();
  /**
   * Those whose scripts are to run, the outer ones first. settleId: has its composition lose its id to an element of the page
   * that came after it.
   * @type {{ __proto__: null, settleId: () => void, run: () => Promise<void>, name: string }[]}
   */
  let waiting = list();
  realm.nestedTimelines = () => registries;

  /** @param {Document} file @returns {DocumentFragment} what a file shows, with its styles and scripts */
  function contentIn(file) {
    const template = /** @type {HTMLTemplateElement | null} */ (first(file, "template"));
    if (template) return /** @type {DocumentFragment} */ (importInto(document, contentOf(template), true));
    const fragment = newFragment(document);
    const styles = all(file, "head > style, head > link[rel=stylesheet], head > script");
    for (let index = 0; index < nodesIn(styles); index += 1) add(fragment, importInto(document, styles[index], true));
    const body = importInto(document, bodyOf(file), true);
    for (let child = firstChild(body); child; child = firstChild(body)) add(fragment, child);
    return fragment;
  }

  /** What an element has from the file that it shows: where it says no size, that of the composition in the file. */
  const SIZES = list("data-width", "data-height");
  /** When a composition is shown is said by the element that shows it, and not by its own file. */
  const TIMES = list("data-start", "data-duration", "data-end", "data-composition-src", "data-track-index");
  /**
   * Makes the composition in a file one that an element shows.
   * @param {Element} host
   * @param {DocumentFragment} content
   * @returns {Element | null} the composition
   */
  function makeInner(host, content) {
    const id = attributeOf(host, "data-composition-id");
    const named = id === null ? null : firstOf(content, `[data-composition-id="${escape(id)}"]`);
    const inner = named ?? firstOf(content, COMPOSITION);
    if (inner === null) return null;
    for (let index = 0; index < SIZES.length; index += 1) {
      const size = attributeOf(inner, SIZES[index]);
      if (size !== null && attributeOf(host, SIZES[index]) === null) setAttribute(host, SIZES[index], size);
    }
    for (let index = 0; index < TIMES.length; index += 1) removeAttribute(inner, TIMES[index]);
    return inner;
  }

  /**
   * Has a composition lose its id to an element with the same, whose styles do not mean it. Returns what it has lost, or "".
   * @param {Element | null} inner
   * @param {(id: string) => boolean} isTaken
   */
  function loseId(inner, isTaken) {
    const id = inner === null ? "" : (attributeOf(inner, "id") ?? "");
    if (inner === null || id === "" || !isTaken(id)) return "";
    removeAttribute(inner, "id");
    setAttribute(inner, "data-composition-authored-id", id);
    return id;
  }
  /** @param {string} id */
  const isInDocument = (id) => byId(document, id) !== null;
  /** @param {string} id */
  const isOfPage = (id) => first(document, `#${escape(id)}:not([data-composition-scope] *)`) !== null;

  /**
   * Notes which file an element shows. One that is shown in itself would never end.
   * @param {Element} host
   * @param {string} location
   */
  function noteLocation(host, location) {
    for (let node = parentOf(host); node; node = parentOf(node)) {
      if (locations.get(/** @type {Element} */ (node)) === location) {
        throw new NativeTypeError(`data-composition-src="${attributeOf(host, "data-composition-src")}": this composition contains itself`);
      }
    }
    locations.set(host, location);
  }

  /**
   * Puts what is in its file into an element, and so for those within. A script finds what is in the compositions within its
   * own, so that those of the outer ones wait first.
   * @param {Element} host
   */
  function insert(host) {
    const address = attributeOf(host, "data-composition-src") ?? "";
    const { status, text, location } = read(address);
    if (status < 200 || status > 299) {
      throw new NativeTypeError(`data-composition-src="${address}": there is no such file (${status})`);
    }
    noteLocation(host, location);
    const file = parseText(new Parser(), text, "text/html");
    realm.nameBeside(file, location);
    const declared = attributeOf(rootElementOf(file), "data-composition-variables");
    const variables = realm.variables(declared, attributeOf(host, "data-variable-values"));
    const content = contentIn(file);
    /** @type {HTMLScriptElement[]} */
    const contained = list();
    const found = allOf(content, "script");
    for (let index = 0; index < nodesIn(found); index += 1) {
      const script = /** @type {HTMLScriptElement} */ (found[index]);
      append(contained, script);
      removeNode(script);
    }
    const inner = makeInner(host, content);
    let lost = loseId(inner, isInDocument);
    add(host, content);
    const loseInStyles = realm.scopeStyles(host);
    if (lost !== "") loseInStyles(lost);
    realm.bindVariables(host, variables);
    const settleId = () => {
      if (lost !== "") return;
      lost = loseId(inner, isOfPage);
      if (lost !== "") loseInStyles(lost);
    };
    append(waiting, { __proto__: null, settleId, run: () => runScripts(host, contained, variables, address, lost), name: address });
    insertEach(allIn(host, SOURCE));
  }

  /** @param {NodeListOf<Element>} hosts those left out that show their composition already, or are not parsed yet */
  function insertEach(hosts) {
    for (let index = 0; index < nodesIn(hosts); index += 1) {
      const host = hosts[index];
      if (mounted.has(host) || !isParsed(host)) continue;
      mounted.add(host);
      try {
        insert(host);
      } catch (error) {
        report(error);
      }
    }
  }

  /** Whether the parser is past an element, so that nothing more of the page's comes into it. @param {Node} element */
  function isParsed(element) {
    if (stateOf(document) !== "loading") return true;
    for (let node = /** @type {Node | null} */ (element); node; node = parentOf(node)) {
      if (nextSibling(node)) return true;
    }
    return false;
  }

  /** @param {typeof waiting} parts */
  async function runEach(parts) {
    for (let index = 0; index < parts.length; index += 1) {
      const { run } = parts[index];
      try {
        await own(run());
      } catch (error) {
        report(error);
      }
    }
  }

  let parses = true;
  function insertAll() {
    if (first(document, COMPOSITION) === null) return;
    insertEach(all(document, SOURCE));
    for (let index = 0; index < waiting.length; index += 1) {
      const part = waiting[index];
      part.settleId();
    }
    lendFonts(parses || waiting.length > 0);
  }

  realm.mountCompositions = () => {
    insertAll();
    if (waiting.length === 0) return;
    const parts = waiting;
    waiting = list();
    let names = "";
    for (let index = 0; index < parts.length; index += 1) {
      const { name } = parts[index];
      names += `${names && ", "}${name}`;
    }
    realm.awaitComposition(runEach(parts), `the nested compositions ${stringSlice(names, 0, 500)}`);
  };

  // The parser has it called before each script of the page.
  const parsing = new MutationObserver(insertAll);
  observe(parsing, document, { __proto__: null, childList: true, subtree: true });
  listen(document, "DOMContentLoaded", () => {
    disconnect(parsing);
    if (first(document, COMPOSITION) === null) return;
    realm.bindPage();
    realm.mountCompositions();
    parses = false;
  });
}
