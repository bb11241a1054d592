// The scripts of nested compositions: they find elements, timelines and variables of their own, since one file may be shown
// several times. nested.js has them run.

/** What runs a composition's scripts, and the timelines that they have registered. */
function createCompositionScripts() {
  const first = methodOf(Document.prototype, "querySelector");
  const all = methodOf(Document.prototype, "querySelectorAll");
  const firstIn = methodOf(Element.prototype, "querySelector");
  const allIn = methodOf(Element.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const headOf = getterOf(Document.prototype, "head");
  const newElement = methodOf(Document.prototype, "createElement");
  const add = methodOf(Node.prototype, "appendChild");
  const textIn = getterOf(Node.prototype, "textContent");
  const setText = setterOf(Node.prototype, "textContent");
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const byId = methodOf(Document.prototype, "getElementById");
  const setAttribute = methodOf(Element.prototype, "setAttribute");
  const { escape } = CSS;

  /** @type {{ __proto__: null, host: Element, timelines: any }[]} */
  const registries = list();

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

  return { __proto__: null, runScripts, registries };
}
