// Nested compositions of HyperFrames: an element with data-composition-src shows what is in that file.
//
// The file's <template> is the composition, or its body where it has none. Its styles hold within the element alone
// (scopes.js), and its scripts find elements, timelines and variables of their own there, since one file may be shown several times.

if (isWindow) {
  const load = window.fetch.bind(window);
  const textOf = methodOf(Response.prototype, "text");
  const isGood = getterOf(Response.prototype, "ok");
  const statusOf = getterOf(Response.prototype, "status");
  const Parser = DOMParser;
  const parseText = methodOf(DOMParser.prototype, "parseFromString");
  const first = methodOf(Document.prototype, "querySelector");
  const all = methodOf(Document.prototype, "querySelectorAll");
  const firstIn = methodOf(Element.prototype, "querySelector");
  const allIn = methodOf(Element.prototype, "querySelectorAll");
  const firstOf = methodOf(DocumentFragment.prototype, "querySelector");
  const allOf = methodOf(DocumentFragment.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const contentOf = getterOf(HTMLTemplateElement.prototype, "content");
  const rootElementOf = getterOf(Document.prototype, "documentElement");
  const bodyOf = getterOf(Document.prototype, "body");
  const headOf = getterOf(Document.prototype, "head");
  const importInto = methodOf(Document.prototype, "importNode");
  const newElement = methodOf(Document.prototype, "createElement");
  const newFragment = methodOf(Document.prototype, "createDocumentFragment");
  const firstChild = getterOf(Node.prototype, "firstChild");
  const add = methodOf(Node.prototype, "appendChild");
  const textIn = getterOf(Node.prototype, "textContent");
  const setText = setterOf(Node.prototype, "textContent");
  const removeNode = methodOf(Element.prototype, "remove");
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const byId = methodOf(Document.prototype, "getElementById");
  const setAttribute = methodOf(Element.prototype, "setAttribute");
  const removeAttribute = methodOf(Element.prototype, "removeAttribute");
  const { escape } = CSS;
  const SOURCE = "[data-composition-src]";
  const COMPOSITION = "[data-composition-id]";

  /** @type {SafeWeakSet<Element>} */
  const mounted = new SafeWeakSet();
  /** @type {{ __proto__: null, host: Element, timelines: any }[]} */
  const registries = list();
  realm.nestedTimelines = () => registries;

  // -- scripts

  /**
   * The document as a nested composition's scripts see it: they find their own elements first.
   * @param {Element} host
   * @param {string} lost the id that the composition in the file has lost
   */
  function documentOf(host, lost) {
    /** @param {string} selector */
    const own = (selector) => realm.selecting(NativeString(selector), lost);
    const replacements = {
      __proto__: null,
      /** @param {string} selector */
      querySelector: (selector) => firstIn(host, own(selector)) ?? first(document, selector),
      /** @param {string} selector */
      querySelectorAll: (selector) => {
        const found = allIn(host, own(selector));
        return nodesIn(found) > 0 ? found : all(document, selector);
      },
      /** @param {string} id */
      getElementById: (id) => firstIn(host, own(`#${escape(NativeString(id))}`)) ?? byId(document, NativeString(id)),
    };
    return seenAs(document, replacements);
  }

  /**
   * An object with some of its properties replaced. Its methods are those of the object.
   * @param {any} thing
   * @param {Record<string, any>} replacements
   */
  function seenAs(thing, replacements) {
    return new NativeProxy(thing, {
      __proto__: null,
      get(target, name) {
        if (typeof name === "string" && replacements[name] !== undefined) return replacements[name];
        const value = target[name];
        const isMethod = typeof value === "function" && descriptorOf(value, "prototype").value === undefined;
        return isMethod ? bound(value, target) : value;
      },
      set(target, name, value) {
        const owner = typeof name === "string" && replacements[name] !== undefined ? replacements : target;
        owner[name] = value;
        return true;
      },
    });
  }
  /** @param {Function} method @param {any} thing */
  const bound = (method, thing) => new NativeProxy(method, { __proto__: null, apply: (target, _this, args) => ReflectApply(target, thing, args) });

  /**
   * Runs a composition's scripts, one after the other.
   * @param {Element} host
   * @param {HTMLScriptElement[]} scripts
   * @param {Record<string, any>} variables
   * @param {string} address
   * @param {string} lost as above
   */
  async function runScripts(host, scripts, variables, address, lost) {
    const registry = { __proto__: null, host, timelines: pageObject() };
    append(registries, registry);
    const ownDocument = documentOf(host, lost);
    const hyperframes = pageObject();
    hyperframes.getVariables = () => ObjectAssign(pageObject(), variables);
    const ownWindow = seenAs(window, {
      __proto__: null,
      document: ownDocument,
      __hyperframes: hyperframes,
      get __timelines() {
        return registry.timelines;
      },
      set __timelines(timelines) {
        registry.timelines = timelines;
      },
    });
    const found = pageObject(); // in the place of the element, for GSAP
    found.querySelectorAll = ownDocument.querySelectorAll;
    for (let index = 0; index < scripts.length; index += 1) {
      const script = scripts[index];
      const type = attributeOf(script, "type");
      const source = attributeOf(script, "src");
      if (source !== null || type === "module") {
        if (source === null || !isLoaded(source)) await own(loaded(script));
        continue;
      }
      if (type !== null && type !== "" && type !== "text/javascript") continue;
      const names = "document, window, self, globalThis, __timelines, __hyperframes";
      const run = callPage(indirectEval, undefined, [`(function (${names}) {${textIn(script)}\n})\n//# sourceURL=${address}`]);
      if (typeof run !== "function") continue;
      const call = () => callPage(run, window, [ownDocument, ownWindow, ownWindow, ownWindow, registry.timelines, hyperframes]);
      const { gsap } = /** @type {any} */ (window);
      // Its selectors find the composition's own elements there.
      if (gsap && typeof gsap.context === "function") callPage(gsap.context, gsap, [call, lost === "" ? host : found]);
      else call();
    }
  }

  /** A library is loaded once. @param {string} source */
  function isLoaded(source) {
    const scripts = all(document, "script[src]");
    for (let index = 0; index < nodesIn(scripts); index += 1) {
      if (attributeOf(/** @type {Element} */ (scripts[index]), "src") === source) return true;
    }
    return false;
  }

  /** Loads a script as the page would. @param {HTMLScriptElement} template @returns {Promise<void>} */
  function loaded(template) {
    const script = /** @type {HTMLScriptElement} */ (newElement(document, "script"));
    const names = list("src", "type", "crossorigin", "integrity");
    for (let index = 0; index < names.length; index += 1) {
      const value = attributeOf(template, names[index]);
      if (value !== null) setAttribute(script, names[index], value);
    }
    if (attributeOf(template, "src") === null) setText(script, textIn(template) ?? "");
    return new NativePromise((resolve) => {
      const end = () => resolve(); // the network tells of errors
      listen(script, "load", end);
      listen(script, "error", end);
      add(headOf(document), script);
    });
  }
  // -- mounting
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
   * Makes the composition in a file one that an element shows. Returns its id if it has lost it: an element of the page has
   * the same, whose styles do not mean it.
   * @param {Element} host
   * @param {DocumentFragment} content
   * @returns {string}
   */
  function makeInner(host, content) {
    const id = attributeOf(host, "data-composition-id");
    const named = id === null ? null : firstOf(content, `[data-composition-id="${escape(id)}"]`);
    const inner = named ?? firstOf(content, COMPOSITION);
    if (inner === null) return "";
    for (let index = 0; index < SIZES.length; index += 1) {
      const size = attributeOf(inner, SIZES[index]);
      if (size !== null && attributeOf(host, SIZES[index]) === null) setAttribute(host, SIZES[index], size);
    }
    for (let index = 0; index < TIMES.length; index += 1) removeAttribute(inner, TIMES[index]);
    const name = attributeOf(inner, "id") ?? "";
    if (name === "" || byId(document, name) === null) return "";
    removeAttribute(inner, "id");
    setAttribute(inner, "data-composition-authored-id", name);
    return name;
  }

  /** @typedef {() => Promise<void>} Run runs the scripts of one composition */
  /**
   * Puts what is in its file into an element, and so for those within. Returns what runs their scripts, the outer ones
   * first: a script finds what is in the compositions within its own.
   * @param {Element} host
   * @returns {Promise<Run[]>}
   */
  async function insert(host) {
    const address = attributeOf(host, "data-composition-src") ?? "";
    const response = await own(load(address));
    if (!isGood(response)) {
      throw new NativeTypeError(`data-composition-src="${address}": there is no such file (${statusOf(response)})`);
    }
    const file = parseText(new Parser(), await own(textOf(response)), "text/html");
    await own(realm.nameBeside(file, address));
    const declared = attributeOf(rootElementOf(file), "data-composition-variables");
    const variables = realm.variables(declared, attributeOf(host, "data-variable-values"));
    const content = contentIn(file);
    /** @type {HTMLScriptElement[]} */
    const scripts = list();
    const found = allOf(content, "script");
    for (let index = 0; index < nodesIn(found); index += 1) {
      const script = /** @type {HTMLScriptElement} */ (found[index]);
      append(scripts, script);
      removeNode(script);
    }
    const lost = makeInner(host, content);
    add(host, content);
    realm.scopeStyles(host, lost);
    realm.bindVariables(host, variables);
    /** @type {Run[]} */
    const runs = list(() => runScripts(host, scripts, variables, address, lost));
    return inserted(allIn(host, SOURCE), runs);
  }

  /** @param {Element} host @returns {Promise<Run[]>} */
  async function tryToInsert(host) {
    try {
      return await own(insert(host));
    } catch (error) {
      report(error);
      return list();
    }
  }

  /**
   * Does so for several elements, those left out that show their composition already.
   * @param {NodeListOf<Element>} hosts
   * @param {Run[]} runs what is to run before
   */
  async function inserted(hosts, runs) {
    /** @type {Promise<Run[]>[]} */
    const parts = list();
    for (let index = 0; index < nodesIn(hosts); index += 1) {
      if (mounted.has(hosts[index])) continue;
      mounted.add(hosts[index]);
      append(parts, tryToInsert(hosts[index]));
    }
    for (let index = 0; index < parts.length; index += 1) {
      const more = await own(parts[index]);
      for (let at = 0; at < more.length; at += 1) append(runs, more[at]);
    }
    return runs;
  }

  /** @param {NodeListOf<Element>} hosts */
  async function show(hosts) {
    const runs = await own(inserted(hosts, list()));
    for (let index = 0; index < runs.length; index += 1) {
      const run = runs[index];
      try {
        await own(run());
      } catch (error) {
        report(error);
      }
    }
  }

  realm.mountCompositions = () => {
    const hosts = all(document, SOURCE);
    let names = "";
    for (let index = 0; index < nodesIn(hosts); index += 1) {
      if (!mounted.has(hosts[index])) names += `${names && ", "}${attributeOf(hosts[index], "data-composition-src")}`;
    }
    if (names !== "") realm.awaitComposition(show(hosts), `the nested compositions ${stringSlice(names, 0, 500)}`);
  };
  listen(document, "DOMContentLoaded", () => {
    if (first(document, "[data-composition-id]") === null) return;
    realm.bindPage();
    realm.mountCompositions();
  });
}
