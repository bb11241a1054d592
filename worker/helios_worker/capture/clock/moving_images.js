// Images that move by themselves, so far as the driver cannot know of them by itself (images.py): which addresses are on
// show, blobs of a wrong type, and the browser's own drawings that move in real time.

/**
 * Of the images at these addresses, those that are on show. One that no <img> shows is a background or the like, which
 * the browser loads only to show it.
 * @param {Realm[]} realms
 * @param {string[]} addresses
 */
function shownOf(realms, addresses) {
  /** @type {string[]} */
  const shown = list();
  for (let index = 0; index < addresses.length; index += 1) {
    let all = 0;
    let visible = 0;
    for (let place = 0; place < realms.length; place += 1) {
      const counts = realms[place].countImages(addresses[index]);
      all += counts[0];
      visible += counts[1];
    }
    if (all === 0 || visible > 0) append(shown, addresses[index]);
  }
  return shown;
}

if (isWindow) {
  const imagesOf = getterOf(Document.prototype, "images");
  const lengthOf = getterOf(HTMLCollection.prototype, "length");
  const itemOf = methodOf(HTMLCollection.prototype, "item");
  const addressOf = getterOf(HTMLImageElement.prototype, "currentSrc");
  const isVisible = methodOf(Element.prototype, "checkVisibility");
  const widthOf = getterOf(HTMLImageElement.prototype, "width");
  const heightOf = getterOf(HTMLImageElement.prototype, "height");
  const AT_ALL = ObjectFreeze({ __proto__: null, opacityProperty: true, visibilityProperty: true });

  /** @type {SafeSet<string>} addresses of images that were drawn on a canvas */
  const drawn = new SafeSet();
  const MOST = 1000;
  /** @type {unknown} */
  let last;
  const canvas = HTMLCanvasElement.prototype;

  /** Notes what is drawn on canvases, which stays there when the image has gone. */
  {
    /** @param {any} source */
    const note = (source) => {
      if (source === last || drawn.size >= MOST || ReflectGetPrototypeOf(source) === canvas) return;
      last = source;
      try {
        drawn.add(stringSlice(addressOf(source), 0, 2000));
      } catch {
        // no <img>
      }
    };
    /** @param {object | undefined} target @param {string} name */
    const noteFirst = (target, name) => after(target, name, (_context, args) => note(args[0]));
    /** @param {object | undefined} target @param {string} name */
    const noteLast = (target, name) => after(target, name, (_context, args) => note(args[args.length - 1]));
    noteFirst(CanvasRenderingContext2D.prototype, "drawImage");
    noteFirst(CanvasRenderingContext2D.prototype, "createPattern");
    noteFirst(globalThis.OffscreenCanvasRenderingContext2D?.prototype, "drawImage");
    noteFirst(globalThis.OffscreenCanvasRenderingContext2D?.prototype, "createPattern");
    noteFirst(globalThis, "createImageBitmap");
    noteLast(globalThis.WebGLRenderingContext?.prototype, "texImage2D");
    noteLast(globalThis.WebGL2RenderingContext?.prototype, "texImage2D");
    noteLast(globalThis.WebGLRenderingContext?.prototype, "texSubImage2D");
    noteLast(globalThis.WebGL2RenderingContext?.prototype, "texSubImage2D");
  }

  realm.countImages = (address) => {
    const images = imagesOf(document);
    let all = 0;
    let visible = drawn.has(address) ? 1 : 0;
    for (let index = 0; index < lengthOf(images); index += 1) {
      const image = /** @type {HTMLImageElement} */ (itemOf(images, index));
      if (stringSlice(addressOf(image), 0, 2000) !== address) continue;
      all += 1;
      if (isVisible(image, AT_ALL) && widthOf(image) > 0 && heightOf(image) > 0) visible += 1;
    }
    return list(all, visible);
  };

  // The type of a blob is what a script says. Its content says whether it is an image of several pictures.
  const sizeOf = getterOf(Blob.prototype, "size");
  const sliceOf = methodOf(Blob.prototype, "slice");
  const bytesOf = methodOf(Blob.prototype, "arrayBuffer");
  const Bytes = Uint8Array;
  const HEAD = 65_536;
  let reading = 0;
  after(URL, "createObjectURL", (_url, args) => {
    let content;
    try {
      sizeOf(args[0]);
      content = bytesOf(sliceOf(args[0], 0, HEAD));
    } catch {
      return; // a MediaSource
    }
    reading += 1;
    whenSettled(
      content,
      (/** @type {ArrayBuffer} */ head) => {
        reading -= 1;
        if (isAnimated(new Bytes(head))) tellDriver({ __proto__: null, drawn: true });
      },
      () => (reading -= 1),
    );
  });
  const { settle } = realm;
  realm.settle = async () => {
    while (reading > 0) await own(moment(0));
    await own(settle());
  };

  /** @param {Uint8Array} head @param {number} at @param {string} text */
  const says = (head, at, text) => {
    for (let index = 0; index < text.length; index += 1) {
      if (head[at + index] !== codeAt(text, index)) return false;
    }
    return true;
  };
  const codeAt = methodOf(String.prototype, "charCodeAt");

  /** As moving_images.py tells it. @param {Uint8Array} head */
  function isAnimated(head) {
    if (says(head, 0, "GIF8")) return true;
    if (says(head, 8, "WEBPVP8X")) return (head[20] & 2) !== 0;
    if (says(head, 4, "ftypavis")) return true;
    if (!says(head, 1, "PNG")) return false;
    for (let at = 8; at + 8 <= HEAD; ) {
      if (says(head, at + 4, "acTL")) return true;
      if (head[at] === undefined || says(head, at + 4, "IDAT")) return false;
      at += 12 + (((head[at] << 24) | (head[at + 1] << 16) | (head[at + 2] << 8) | head[at + 3]) >>> 0);
    }
    return false;
  }

  // The browser moves a <progress> without a value by its own clock, in real time, unless a style draws it.
  const elementsNamed = methodOf(Document.prototype, "getElementsByTagName");
  const positionOf = globalThis.HTMLProgressElement && getterOf(HTMLProgressElement.prototype, "position");
  const styleOf = window.getComputedStyle.bind(window);
  const valueOf = methodOf(CSSStyleDeclaration.prototype, "getPropertyValue");

  /**
   * Whether the browser draws an element by itself. A background or a border of the page's own keep it from that.
   * @param {Element} element
   */
  function isNative(element) {
    const style = styleOf(element);
    const appearance = valueOf(style, "appearance");
    if (appearance !== "auto" && appearance !== "progress-bar") return false;
    if (valueOf(style, "background-color") !== "rgba(0, 0, 0, 0)") return false;
    return valueOf(style, "background-image") === "none" && valueOf(style, "border-top-style") === "none";
  }

  realm.refuse = () => {
    const bars = elementsNamed(document, "progress");
    for (let index = 0; index < lengthOf(bars); index += 1) {
      const bar = /** @type {HTMLProgressElement} */ (itemOf(bars, index));
      if (positionOf(bar) >= 0 || !isVisible(bar, AT_ALL) || !isNative(bar)) continue;
      tellDriver({
        __proto__: null,
        fault: "the page shows a <progress> without a value, which the browser moves by a clock of its own in real time",
        remedy: "give it a value, or style it (appearance: none) and move it with CSS",
        isFinal: true,
      });
    }
  };
}
