// Images that move by themselves, so far as the driver cannot know of them by itself (images.py): which addresses are on
// show, blobs of a wrong type, and the browser's own drawings that move in real time.

/**
 * Of the images with these keys, those that are in the picture.
 * @param {Realm[]} realms
 * @param {string[]} keys
 */
function shownOf(realms, keys) {
  /** @type {string[]} */
  const shown = list();
  lookingOnce(realms, () => {
    for (let index = 0; index < keys.length; index += 1) {
      let most = UNKNOWN;
      for (let place = 0; place < realms.length && most < SHOWN; place += 1) {
        most = max(most, realms[place].showsMoving(keys[index]));
      }
      if (most === SHOWN) append(shown, keys[index]);
    }
  });
  return shown;
}

if (isWindow) {
  const lengthOf = getterOf(HTMLCollection.prototype, "length");
  const itemOf = methodOf(HTMLCollection.prototype, "item");
  const addressOf = getterOf(HTMLImageElement.prototype, "currentSrc");
  const isVisible = methodOf(Element.prototype, "checkVisibility");
  const AT_ALL = ObjectFreeze({ __proto__: null, opacityProperty: true, visibilityProperty: true });
  const styleOf = window.getComputedStyle.bind(window);
  const valueOf = methodOf(CSSStyleDeclaration.prototype, "getPropertyValue");

  /** @type {SafeSet<string>} keys of images that were drawn on a canvas */
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
        drawn.add(fileKey(addressOf(source)));
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

  /** @param {Element} element that shows an image */
  const verdictOf = (element) => {
    const style = styleOf(element);
    const isFlat = valueOf(style, "width") === "0px" || valueOf(style, "height") === "0px";
    return realm.inPicture(element) && !realm.isTiny(element) && !isFlat ? SHOWN : HIDDEN;
  };

  realm.showsMoving = (key) => (drawn.has(key) ? SHOWN : realm.showsFile(key, "Image", verdictOf));

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
