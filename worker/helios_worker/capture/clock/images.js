// Which of the files that did not come, or that the browser cannot show, matter to the picture. suspects.py asks, with
// their addresses; shown.js says what is in the picture.
//
// A browser goes on without a file, and so may a page: it hides the image, takes another one, or only wanted to know
// whether a format is known. So what counts is what the element of a file shows by the end of the frame, and whether the
// page has a listener of its own for it. The files after this one patch what loads images; this one takes the browser's own.
// Long, because the same elements tell what has loaded, what has failed, and whether that matters.

/** The fragment of these requests, which tells them from the page's, here and in unshown.py. No page knows it. */
const IMAGE_CHECK = `#helios-image-check-${stringSlice(config.secret, 0, 8)}`;
/** Whether a file matters, the least to the most. suspects.py has the same numbers. */
const UNKNOWN = 0;
const UNUSED = 1;
const HANDLED = 2;
const HIDDEN = 3;
const SHOWN = 4;

const indexOf = methodOf(String.prototype, "indexOf");

/**
 * An address by which files are known here and in unshown.py: without its fragment, and of a data: URL what tells it from
 * others, since a page may make one for each frame.
 * @param {string} address
 */
function fileKey(address) {
  const hash = indexOf(address, "#");
  const whole = hash < 0 ? address : stringSlice(address, 0, hash);
  const { length } = whole;
  if (stringSlice(whole, 0, 5) !== "data:" || length <= 400) return stringSlice(whole, 0, 2000);
  const middle = floor(length / 2);
  return `${stringSlice(whole, 0, 128)}…${stringSlice(whole, middle, middle + 128)}…${stringSlice(whole, length - 64, length)}…${length}`;
}

/** @param {string} address */
const isData = (address) => stringSlice(address, 0, 5) === "data:";

const fontsOf = isWindow ? getterOf(Document.prototype, "fonts") : undefined;
const workerFonts = /** @type {FontFaceSet} */ (/** @type {any} */ (globalThis).fonts);
const eachFace = methodOf(FontFaceSet.prototype, "forEach");
const faceStatus = getterOf(FontFace.prototype, "status");

/** Whether one of the fonts has failed with all its sources. */
function verdictOfFonts() {
  let verdict = HANDLED; // by another source
  eachFace(fontsOf ? fontsOf(document) : workerFonts, (face) => {
    if (faceStatus(face) === "error") verdict = SHOWN;
  });
  return verdict;
}
realm.verdict = (_address, kind) => (kind === "Font" ? verdictOfFonts() : UNKNOWN);

if (isWindow) {
  const NativeImage = Image;
  const setSource = setterOf(HTMLImageElement.prototype, "src");
  const sourceOf = getterOf(HTMLImageElement.prototype, "src");
  const naturalWidth = getterOf(HTMLImageElement.prototype, "naturalWidth");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const listen = methodOf(EventTarget.prototype, "addEventListener");
  const targetOf = getterOf(Event.prototype, "target");
  const nameOf = getterOf(Element.prototype, "localName");
  const isConnected = getterOf(Node.prototype, "isConnected");
  const once = ObjectFreeze({ __proto__: null, once: true });
  /** @param {Element} element that shows an image in part */
  const verdictOfCut = (element) => (realm.inPicture(element) && !realm.isTiny(element) ? SHOWN : HIDDEN);

  const addressHere = getterOf(Document.prototype, "URL");
  const readyState = getterOf(HTMLMediaElement.prototype, "readyState");
  const { HAVE_CURRENT_DATA } = HTMLMediaElement;
  const MOST = 10_000;
  const MOST_ELEMENTS = 50;

  /** @type {SafeWeakSet<object>} elements whose errors the page listens to, as tests for what a browser knows do */
  const errorsHeard = new SafeWeakSet();
  /** @type {SafeWeakSet<object>} elements of which the page wants to know that they have loaded */
  const loadsHeard = new SafeWeakSet();
  /** @type {SafeMap<string, Element[]>} by its key, the elements that a file failed in */
  const failures = new SafeMap();
  /** @type {SafeSet<string>} keys of images that an element has loaded */
  const loaded = new SafeSet();
  /** Whether a module with its imports failed, of which no address tells. */
  let moduleFailed = false;

  /** @param {any} thing @returns {thing is HTMLImageElement} */
  const isImage = (thing) => {
    try {
      sourceOf(thing);
      return true;
    } catch {
      return false;
    }
  };
  /** The name of an element, "" for what is none. @param {any} thing */
  const nameIn = (thing) => {
    try {
      return nameOf(thing);
    } catch {
      return "";
    }
  };

  after(EventTarget.prototype, "addEventListener", (target, args) => {
    const type = args.length > 0 ? args[0] : "";
    if (type === "error") errorsHeard.add(target);
    else if (type === "load") loadsHeard.add(target);
    else return;
    watchImage(target);
  });
  /** @param {object} owner */
  const watchHandlers = (owner) => {
    after(owner, "onerror", (element) => {
      errorsHeard.add(element);
      watchImage(element);
    });
    after(owner, "onload", (element) => {
      loadsHeard.add(element);
      watchImage(element);
    });
  };
  watchHandlers(HTMLElement.prototype);
  watchHandlers(SVGElement.prototype);
  // Its promise says whether the image can be decoded.
  after(HTMLImageElement.prototype, "decode", (image) => errorsHeard.add(image));
  // A script that asks for these draws the image by itself.
  /** @param {HTMLImageElement} image */
  const hearLoad = (image) => loadsHeard.add(image);
  const isComplete = getterOf(HTMLImageElement.prototype, "complete");
  afterRead(HTMLImageElement.prototype, "complete", hearLoad);
  afterRead(HTMLImageElement.prototype, "naturalWidth", hearLoad);
  afterRead(HTMLImageElement.prototype, "naturalHeight", hearLoad);

  /** @param {Element} element @param {string} address */
  function noteFailure(element, address) {
    const key = fileKey(address);
    const known = failures.get(key) ?? list();
    for (let index = 0; index < known.length; index += 1) if (known[index] === element) return;
    if (known.length < MOST_ELEMENTS) append(known, element);
    if (failures.size < MOST) failures.set(key, known);
    loaded.delete(key);
    const scheme = stringSlice(address, 0, 5);
    if (scheme === "data:" || scheme === "blob:") tellDriver({ __proto__: null, undecodable: key });
  }

  /** @param {Event} event of an element in this window or in a shadow root, or of an image in no document */
  const onError = (event) => {
    const element = /** @type {any} */ (targetOf(event));
    if (!event.isTrusted || nameIn(element) === "") return;
    const address = realm.addressOf(element);
    if (nameOf(element) === "script" && attributeOf(element, "type") === "module" && !isHeard(element)) moduleFailed = true;
    if (address !== "") noteFailure(element, address);
  };
  /** @param {Event} event */
  const onLoad = (event) => {
    const element = /** @type {any} */ (targetOf(event));
    const name = nameIn(element);
    if (name !== "img" && name !== "image" && name !== "input") return;
    if (loaded.size > MOST) loaded.clear();
    loaded.add(fileKey(realm.addressOf(element)));
  };
  /** @type {SafeSet<ShadowRoot>} closed ones */
  const roots = new SafeSet();
  const modeOf = getterOf(ShadowRoot.prototype, "mode");
  listen(window, "error", onError, true);
  listen(document, "load", onLoad, true); // no window hears of it
  realm.watchImages = (root) => {
    listen(root, "error", onError, true);
    listen(root, "load", onLoad, true);
    if (modeOf(root) === "closed") roots.add(root);
  };
  realm.closedRoots = () => roots;
  // An image that is in no document tells nobody else.
  /** @param {Event} event */
  const onErrorAlone = (event) => {
    if (!isConnected(/** @type {any} */ (targetOf(event)))) onError(event);
  };
  /** @param {Event} event */
  const onLoadAlone = (event) => {
    if (!isConnected(/** @type {any} */ (targetOf(event)))) onLoad(event);
  };
  /** @param {any} image */
  const watchImage = (image) => {
    if (!isImage(image)) return;
    listen(image, "error", onErrorAlone, true);
    listen(image, "load", onLoadAlone, true);
  };
  after(HTMLImageElement.prototype, "src", watchImage);
  after(HTMLImageElement.prototype, "srcset", watchImage);

  /** Whether the page deals with an element's failure. @param {Element} element */
  const isHeard = (element) => errorsHeard.has(element) || attributeOf(element, "onerror") !== null;
  /** @param {Element} element */
  const isLoadHeard = (element) => loadsHeard.has(element) || attributeOf(element, "onload") !== null;

  const mediaMatch = window.matchMedia.bind(window);
  const matchesOf = getterOf(MediaQueryList.prototype, "matches");
  const toLowerCase = methodOf(String.prototype, "toLowerCase");

  /** @param {Element} link */
  function verdictOfLink(link) {
    const rel = toLowerCase(attributeOf(link, "rel") ?? "");
    if (indexOf(rel, "stylesheet") < 0) {
      // A script that asks for it later is told, and has to have it.
      return isLoadHeard(link) || attributeOf(link, "as") === "fetch" ? SHOWN : UNUSED;
    }
    const media = attributeOf(link, "media");
    const applies = indexOf(rel, "alternate") < 0 && (media === null || matchesOf(mediaMatch(media)));
    return applies || isLoadHeard(link) ? SHOWN : UNUSED;
  }

  /** @param {Element} element that a file has failed in @param {string} key */
  function verdictOf(element, key) {
    const name = nameOf(element);
    if (name !== "video" && isHeard(element)) return HANDLED; // a video hears nothing of its poster
    if (name === "script") return SHOWN;
    if (name === "link") return verdictOfLink(element);
    if (fileKey(realm.addressOf(element)) !== key) return HANDLED; // it shows something else by now
    if (isImage(element)) {
      if (isComplete(element) && naturalWidth(element) > 0) return HANDLED;
      if (key === fileKey(addressHere(document))) return UNUSED; // src="#", until there is a picture
      if (!isConnected(element) && isData(key)) return UNUSED;
      if (!isConnected(element)) return loadsHeard.has(element) ? SHOWN : HIDDEN;
    }
    if (!isConnected(element)) return UNUSED;
    if (name === "object" && realm.hasFallback(element)) return HANDLED;
    if (name === "video" && attributeOf(element, "autoplay") !== null) {
      // Its picture is shown in place of the poster.
      if (readyState(/** @type {HTMLMediaElement} */ (element)) >= HAVE_CURRENT_DATA) return HIDDEN;
    }
    return realm.inPicture(element) && !realm.isTiny(element) ? SHOWN : HIDDEN;
  }

  /** @type {SafeMap<string, number>} what has come of the search for a file, by its key */
  const found = new SafeMap();

  realm.verdict = (address, kind, isNew) => {
    if (kind === "Font") return verdictOfFonts();
    const key = fileKey(address);
    if (kind === "Cut") return realm.showsFile(key, "Image", verdictOfCut);
    let verdict = UNKNOWN;
    const elements = failures.get(key);
    for (let index = 0; elements !== undefined && index < elements.length; index += 1) {
      verdict = max(verdict, verdictOf(elements[index], key));
    }
    if (kind === "Script" && verdict === UNUSED && moduleFailed) return SHOWN;
    if (verdict === SHOWN || (kind !== "Image" && kind !== "Document")) return verdict;
    // What uses it later asks for it again.
    if (!isNew && found.get(key) === UNKNOWN) return verdict;
    const shown = realm.showsFile(key, kind, (element) => verdictOf(element, key));
    if (found.size < MOST) found.set(key, shown);
    return max(verdict, shown);
  };

  realm.imageState = (key) => {
    if (failures.has(key)) return "failed";
    return loaded.has(key) ? "loaded" : "";
  };

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
      if (!(await own(answers[index]))) append(failed, addresses[index]);
    }
    return failed;
  }

  if (!inherited) kernel.undecodable = (addresses) => forDriver(undecodable(addresses));
}

/**
 * Asks what shows files, of which each realm looks for all of its elements once.
 * @param {Realm[]} realms
 * @param {() => void} ask
 */
function lookingOnce(realms, ask) {
  const lookAnew = () => {
    for (let place = 0; place < realms.length; place += 1) realms[place].lookAnew();
  };
  lookAnew();
  ask();
  lookAnew(); // or the elements would be kept
}

/**
 * Whether each of some files matters, of which the browser has said that they failed.
 * @param {Realm[]} realms
 * @param {[string, string, boolean][]} files the address and kind of each, and whether it is asked for the first time
 */
function verdicts(realms, files) {
  /** @type {number[]} */
  const found = list();
  lookingOnce(realms, () => {
    for (let index = 0; index < files.length; index += 1) {
      let most = UNKNOWN;
      for (let place = 0; place < realms.length; place += 1) {
        most = max(most, realms[place].verdict(files[index][0], files[index][1], files[index][2]));
      }
      append(found, most);
    }
  });
  return found;
}

/**
 * What has become of images, by their keys: "loaded", "failed" or "" where no element tells.
 * @param {Realm[]} realms
 * @param {string[]} keys
 */
function imageStates(realms, keys) {
  /** @type {string[]} */
  const states = list();
  for (let index = 0; index < keys.length; index += 1) {
    let state = "";
    for (let place = 0; place < realms.length && state !== "failed"; place += 1) {
      state = realms[place].imageState(keys[index]) || state;
    }
    append(states, state);
  }
  return states;
}
