// What scripts begin to load: time stands still until it has arrived, so that a slow server changes nothing.
//
// The driver sees every request, but asking it after each timer would cost a round trip. So a realm only notes that a
// script may have requested something: by a call that loads, or by a new image, script, style sheet or frame. The
// driver waits for what this misses (a background image, import()) at the end of the frame.

/** @param {object | undefined} target @param {string} name */
const note = (target, name) => after(target, name, () => (kernel.loads += 1));

{
  {
    const copyOf = methodOf(Response.prototype, "clone");
    const contentOf = methodOf(Response.prototype, "arrayBuffer");
    const baseOf = isWindow ? getterOf(Node.prototype, "baseURI") : () => undefined;

    /**
     * Reads a copy of a response to its end. The browser holds back a body that nobody reads, and every frame would wait
     * for it.
     * @param {Response} response
     */
    const readToEnd = (response) => {
      try {
        whenSettled(contentOf(copyOf(response)), ignore, ignore);
      } catch {
        // a response without a body, or one that has been read already
      }
    };

    const hrefOf = getterOf(URL.prototype, "href");
    const Address = URL;
    /**
     * Whether options name a signal. A getter of the page's is not asked: it may throw, or count how often it is.
     * @param {any} options
     */
    const hasSignal = (options) => {
      for (let owner = options; owner; owner = ReflectGetPrototypeOf(owner)) {
        const { value, get } = descriptorOf(owner, "signal");
        if (value || get) return Boolean(value);
      }
      return false;
    };

    realm.noteAbortable = (input) => {
      try {
        const base = isWindow ? baseOf(document) : undefined;
        const abortable = hrefOf(new Address(typeof input === "string" ? input : hrefOf(/** @type {any} */ (input)), base));
        tellDriver({ __proto__: null, abortable });
      } catch {
        // a Request, or no address at all
      }
    };

    after(ownerOf("fetch"), "fetch", (_scope, args, response) => {
      kernel.loads += 1;
      whenSettled(response, readToEnd, ignore);
      if (hasSignal(args[1])) realm.noteAbortable(args[0]);
    });
  }
  note(globalThis.XMLHttpRequest && XMLHttpRequest.prototype, "send");
  note(globalThis.FontFace && FontFace.prototype, "load");
  note(globalThis.Worklet?.prototype, "addModule");
  afterConstruct("Worker", () => {
    kernel.loads += 1;
    kernel.workers += 1;
  });

  if (isWindow) {
    note(HTMLImageElement.prototype, "src");
    note(HTMLImageElement.prototype, "srcset");
    note(HTMLIFrameElement.prototype, "src");
    note(HTMLIFrameElement.prototype, "srcdoc");
    note(HTMLLinkElement.prototype, "href");
    note(HTMLEmbedElement.prototype, "src");
    note(HTMLObjectElement.prototype, "data");
    note(HTMLMetaElement.prototype, "content");
    note(HTMLMetaElement.prototype, "httpEquiv");
    const imagesOf = getterOf(Document.prototype, "images");
    const scriptsOf = getterOf(Document.prototype, "scripts");
    const sheetsOf = getterOf(Document.prototype, "styleSheets");
    const elementsIn = getterOf(HTMLCollection.prototype, "length");
    const sheetsIn = getterOf(StyleSheetList.prototype, "length");
    const framesIn = getterOf(window, "length");
    const elementsNamed = methodOf(Document.prototype, "getElementsByTagName");
    let known = "";
    realm.beganLoading = () => {
      const images = elementsIn(imagesOf(document));
      const scripts = elementsIn(scriptsOf(document));
      const metas = elementsIn(elementsNamed(document, "meta")); // a refresh, of which the driver tells navigation.js
      const present = `${images} ${scripts} ${sheetsIn(sheetsOf(document))} ${framesIn(window)} ${metas}`;
      const began = present !== known;
      known = present;
      return began;
    };
  }

  // Messages between realms: the driver lets the realms take turns until none is under way.
  /** @param {object | undefined} target */
  const count = (target) => after(target, "postMessage", () => (kernel.posted += 1));
  count(globalThis.Worker && Worker.prototype);
  count(globalThis.MessagePort && MessagePort.prototype);
  count(globalThis);
  after(globalThis.Atomics, "notify", () => (kernel.posted += 1));
}
