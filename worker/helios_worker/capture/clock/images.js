// Which of the images that a page has loaded the browser can decode. unshown.py asks, with their addresses.
//
// An <img> whose data are damaged sends an event; a CSS background, mask or border says nothing. So each image is loaded
// once more by an element that nobody sees: the browser takes it from its memory, without a request, unless it could not
// decode it. No request tells of a data: or blob: URL, so of these the events count. The files after this one patch what
// loads images; this one takes the browser's own.

/** The fragment of these requests, which tells them from the page's, here and in unshown.py. No page knows it. */
const IMAGE_CHECK = `#helios-image-check-${stringSlice(config.secret, 0, 8)}`;

if (isWindow) {
  const NativeImage = Image;
  const setSource = setterOf(HTMLImageElement.prototype, "src");
  const sourceOf = getterOf(HTMLImageElement.prototype, "src");
  const currentOf = getterOf(HTMLImageElement.prototype, "currentSrc");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const targetOf = getterOf(Event.prototype, "target");
  const linkOf = getterOf(SVGImageElement.prototype, "href");
  const textOf = getterOf(SVGAnimatedString.prototype, "baseVal");
  const once = ObjectFreeze({ __proto__: null, once: true });

  /** The addresses whose failure the page handles by itself, as tests for what a browser can decode do. */
  const { handled } = kernel;
  /** @type {SafeWeakSet<HTMLImageElement>} */
  const watched = new SafeWeakSet();

  /** @param {any} thing @returns {thing is HTMLImageElement} */
  const isImage = (thing) => {
    try {
      sourceOf(thing);
      return true;
    } catch {
      return false;
    }
  };

  /** @param {HTMLImageElement} image */
  const noteHandled = (image) => {
    if (handled.size < 1000) handled.add(currentOf(image) || sourceOf(image));
  };

  /** @param {any} image */
  const watch = (image) => {
    if (!isImage(image) || watched.has(image)) return;
    watched.add(image);
    listen(image, "error", () => noteHandled(image), true); // before the page's own, which may change the address
  };

  after(EventTarget.prototype, "addEventListener", (target, args) => {
    if (args.length > 0 && args[0] === "error") watch(target);
  });
  after(HTMLElement.prototype, "onerror", watch);
  // Its promise says whether the image can be decoded.
  after(HTMLImageElement.prototype, "decode", (image) => {
    if (isImage(image)) noteHandled(image);
  });
  /** @param {Event} event of an image in this window or in a shadow root */
  const onError = (event) => {
    const image = /** @type {any} */ (targetOf(event));
    if (!event.isTrusted) return;
    let address = "";
    if (isImage(image)) {
      if (attributeOf(image, "onerror") !== null) noteHandled(image);
      address = currentOf(image) || sourceOf(image);
    } else {
      try {
        address = textOf(linkOf(image));
      } catch {
        return; // not an image
      }
    }
    const scheme = stringSlice(address, 0, 5);
    if ((scheme === "data:" || scheme === "blob:") && !watched.has(image) && !handled.has(address)) {
      tellDriver({ __proto__: null, undecodable: stringSlice(address, 0, 2000) });
    }
  };
  listen(window, "error", onError, true);
  realm.watchImages = (root) => listen(root, "error", onError, true);

  /** @param {string} address @returns {Promise<boolean>} */
  const decodes = (address) =>
    new NativePromise((resolve) => {
      const image = new NativeImage();
      listen(image, "load", () => resolve(true), once);
      listen(image, "error", () => resolve(false), once);
      setSource(image, address);
    });

  /** @param {string[]} addresses */
  async function undecodable(addresses) {
    /** @type {Promise<boolean>[]} */
    const answers = list();
    for (let index = 0; index < addresses.length; index += 1) append(answers, decodes(addresses[index] + IMAGE_CHECK));
    /** @type {string[]} */
    const failed = list();
    for (let index = 0; index < addresses.length; index += 1) {
      if (!(await own(answers[index])) && !handled.has(addresses[index])) append(failed, addresses[index]);
    }
    return failed;
  }

  if (!inherited) kernel.undecodable = (addresses) => forDriver(undecodable(addresses));
}
