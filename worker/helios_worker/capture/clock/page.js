// What a page declares and expects: the contracts of plain pages, GSAP, Helios and HyperFrames.
//
// A page needs no change to be rendered. Plain pages need only the clock. GSAP smooths over lags, and a jump must not
// count as one. A sketch of p5 draws in its first animation frame. Helios reads __HELIOS_VIRTUAL_TIME__ (milliseconds), and
// its instance in window.helios is sought.
// HyperFrames' contract is larger: hyperframes.js.

if (isWindow) {
  if (config.props !== undefined && !("__HELIOS_PROPS__" in window)) window.__HELIOS_PROPS__ = config.props;

  const fontsOf = getterOf(Document.prototype, "fonts");
  const fontsStatus = getterOf(FontFaceSet.prototype, "status");
  const fontsReady = getterOf(FontFaceSet.prototype, "ready");
  const eachFont = methodOf(FontFaceSet.prototype, "forEach");
  const fontStatus = getterOf(FontFace.prototype, "status");
  const fontFamily = getterOf(FontFace.prototype, "family");
  const imagesOf = getterOf(Document.prototype, "images");
  const elementsIn = getterOf(HTMLCollection.prototype, "length");
  const isComplete = getterOf(HTMLImageElement.prototype, "complete");
  const loadingOf = getterOf(HTMLImageElement.prototype, "loading");
  const addressOf = getterOf(HTMLImageElement.prototype, "currentSrc");
  const sourceOf = getterOf(HTMLImageElement.prototype, "src");
  const first = methodOf(Document.prototype, "querySelector");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const rootElementOf = getterOf(Document.prototype, "documentElement");

  const fontsLoad = () => fontsOf(document) && fontsStatus(fontsOf(document)) === "loading";

  // The element that the caller waits for is one of the page itself, not of its frames.
  const awaited = window.top === window ? config.waitFor : undefined;
  let elementAwaited = awaited !== undefined;
  let readySettled = false;
  /** @type {PromiseLike<unknown> | null} */
  let readyWatched = null;

  /** The page's own promise: window.__HELIOS_READY__, a promise or a function that returns one. */
  function declaredReady() {
    const declared = window.__HELIOS_READY__;
    return typeof declared === "function" ? declared() : declared;
  }

  realm.notReady = () => {
    if (awaited !== undefined && elementAwaited && first(document, awaited) !== null) elementAwaited = false;
    if (readyWatched === null) callPage(watchReady, undefined, []);
    return elementAwaited || realm.compositionWaits().length > 0 || (readyWatched !== null && !readySettled);
  };

  function watchReady() {
    const promise = declaredReady();
    if (!promise || typeof promise.then !== "function") return;
    readyWatched = promise;
    /** @param {unknown} error */
    const fail = (error) => {
      readySettled = true;
      report(error);
    };
    try {
      whenSettled(promise, () => (readySettled = true), fail);
    } catch (error) {
      fail(error);
    }
  }

  let stabilising = false;

  realm.pending = () => {
    const waiting = realm.pendingMedia();
    if (stabilising) append(waiting, "helios.waitUntilStable()");
    const waits = realm.compositionWaits();
    for (let index = 0; index < waits.length && index < 10; index += 1) append(waiting, waits[index].name);
    if (elementAwaited) append(waiting, `an element that matches ${awaited}`);
    if (readyWatched !== null && !readySettled) append(waiting, "the promise window.__HELIOS_READY__");
    if (fontsLoad()) {
      let loading = "";
      eachFont(fontsOf(document), (face) => {
        if (fontStatus(face) === "loading") loading += `${loading && ", "}${fontFamily(face)}`;
      });
      append(waiting, `fonts: ${loading || "loading"}`);
    }
    const images = imagesOf(document);
    for (let index = 0; index < elementsIn(images); index += 1) {
      const image = images[index];
      if (isComplete(image) || loadingOf(image) === "lazy") continue;
      append(waiting, `image ${stringSlice(addressOf(image) || sourceOf(image), 0, 2000)}`);
      if (waiting.length > 50) break;
    }
    return waiting;
  };

  /** @type {SafeWeakSet<object>} */
  const smoothed = new SafeWeakSet();
  // A sketch of p5 draws once a sixtieth of a second has passed since its setup, which takes no time here. It is found by the
  // property in which it notes when that was, since p5 gives the page no other way to the sketches of instance mode.
  /** @type {{ __proto__: null, sketch: any, name: string }[]} those that have not drawn yet */
  let sketches = list();
  /** @param {string} name of that property, which older versions name otherwise */
  const findSketches = (name) => {
    /** @this {any} @param {unknown} value */
    const set = function (value) {
      if (typeof this !== "object" || this === null) return;
      const plain = { __proto__: null, value, writable: true, enumerable: true, configurable: true };
      const isDefined = ReflectDefineProperty(this, name, plain);
      if (isDefined && sketches.length < 100) append(sketches, { __proto__: null, sketch: this, name });
    };
    ReflectDefineProperty(ObjectPrototype, name, { __proto__: null, configurable: true, set });
  };
  findSketches("_lastTargetFrameTime");
  findSketches("_lastFrameTime");

  /**
   * Has Helios and its timeline of GSAP show the frame of its own at a time, as its renderer does.
   * @param {number} time milliseconds
   */
  function seekHelios(time) {
    const { helios, __helios_gsap_timeline__: timeline } = /** @type {any} */ (window);
    if (helios && typeof helios.seek === "function") {
      const rate = signalValue(helios.fps);
      // 29 of 30 frames a second may be a hair before 29.
      const frame = floor((time / 1000) * (typeof rate === "number" && rate > 0 ? rate : 30) + 1e-6);
      callPage(helios.seek, helios, [frame]);
    }
    if (timeline && typeof timeline.seek === "function") callPage(timeline.seek, timeline, [time / 1000]);
  }

  realm.applyContracts = (time) => callPage(applyContracts, undefined, [time]);

  /** @param {number} time */
  function applyContracts(time) {
    window.__HELIOS_VIRTUAL_TIME__ = time;
    seekHelios(time);
    const ticker = window.gsap && window.gsap.ticker;
    if (ticker && ticker.lagSmoothing && !smoothed.has(ticker)) {
      ReflectApply(ticker.lagSmoothing, ticker, [0]);
      smoothed.add(ticker);
      // Its listeners would be called for the first time once 4 ms have passed, which the load takes none of.
      if (ticker.frame === 0 && typeof ticker.tick === "function") callPage(ticker.tick, ticker, []);
    }
    const found = sketches;
    sketches = list();
    for (let index = 0; index < found.length; index += 1) {
      const { sketch, name } = found[index];
      const { value: isSetUp } = descriptorOf(sketch, "_setupDone"); // its own: what it inherits is the page's
      if (isSetUp === false) append(sketches, found[index]);
      else if (isSetUp === true) ReflectDefineProperty(sketch, name, { __proto__: null, value: time - 1000 });
    }
    realm.showComposition(time);
  }

  /** Whether HyperShader has two scenes to blend. */
  const asksToBlend = () => /** @type {any} */ (window).__hf_page_composite_pending === true;

  realm.settle = async () => {
    for (let waits = realm.compositionWaits(); waits.length > 0; waits = realm.compositionWaits()) {
      await own(settled(waits[0].promise));
    }
    await own(realm.showMedia());
    if (fontsLoad()) await own(settled(fontsReady(fontsOf(document))));
    stabilising = true;
    try {
      const { helios } = window;
      if (helios && typeof helios.waitUntilStable === "function") {
        await own(settled(ReflectApply(helios.waitUntilStable, helios, [])));
        // It places the animations of elements that have come since.
        callPage(seekHelios, undefined, [kernel.now]);
      }
    } catch (error) {
      report(error);
    }
    stabilising = false;
    if (callPage(asksToBlend, undefined, [])) await own(realm.blend());
  };

  /** What a signal of a Helios page holds. @param {unknown} signal */
  const signalValue = (signal) =>
    signal && typeof signal === "object" && "value" in signal ? shortened(signal.value) : undefined;

  /**
   * A declared value for the driver, which reads numbers and short texts. No number needs more characters.
   * @param {unknown} value
   */
  const shortened = (value) => {
    if (typeof value === "string") return stringSlice(value, 0, 200);
    return typeof value === "number" ? value : undefined;
  };

  // Only the page itself is asked, not its frames.
  if (!inherited) {
    /** Size, frame rate and length as the page declares them, null where it does not. */
    kernel.declared = () => {
      const root =
        realm.composition() ||
        first(document, "[data-width][data-height]") ||
        rootElementOf(document);
      const { helios } = window;
      const isComposition = attributeOf(root, "data-composition-id") !== null;
      return {
        __proto__: null,
        width: shortened(attributeOf(root, "data-width")) || (helios && signalValue(helios.width)) || null,
        height: shortened(attributeOf(root, "data-height")) || (helios && signalValue(helios.height)) || null,
        fps:
          shortened(attributeOf(root, "data-fps")) || (helios && signalValue(helios.fps)) || (isComposition ? 30 : null),
        duration: shortened(attributeOf(root, "data-duration")) || (helios && signalValue(helios.duration)) || realm.compositionSeconds(),
        frames: shortened(attributeOf(root, "data-frames")) || null,
        isComposition,
      };
    };
  }

  if (!hasScripts) {
    // Nothing tells of media and fonts there.
    realm.showMedia = nothing;
    realm.settle = nothing;
  }
}
