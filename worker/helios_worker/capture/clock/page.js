// What a page declares and expects: the contracts of plain pages, GSAP, Helios and HyperFrames.
//
// A page needs no change to be rendered. Plain pages need only the clock. GSAP smooths over lags, and a jump must not
// count as one. Helios reads __HELIOS_VIRTUAL_TIME__ (milliseconds). HyperFrames has paused timelines in
// window.__timelines, which are sought in seconds, and clips that data-start and data-duration show and hide.

if (isWindow) {
  if (config.props !== undefined && !("__HELIOS_PROPS__" in window)) window.__HELIOS_PROPS__ = config.props;

  let readySettled = false;
  /** @type {PromiseLike<unknown> | null} */
  let readyWatched = null;

  /** The page's own promise: window.__HELIOS_READY__, a promise or a function that returns one. */
  function declaredReady() {
    const declared = window.__HELIOS_READY__;
    return typeof declared === "function" ? declared() : declared;
  }

  realm.notReady = () => {
    if (readyWatched === null) {
      const promise = declaredReady();
      if (!promise || typeof promise.then !== "function") return false;
      readyWatched = promise;
      promise.then(
        () => (readySettled = true),
        (error) => {
          readySettled = true;
          report(error);
        },
      );
    }
    return !readySettled;
  };

  let stabilising = false;

  realm.pending = () => {
    const waiting = [];
    if (stabilising) waiting.push("helios.waitUntilStable()");
    if (readyWatched !== null && !readySettled) waiting.push("the promise window.__HELIOS_READY__");
    if (document.fonts && document.fonts.status === "loading") {
      const loading = [...document.fonts].filter((face) => face.status === "loading").map((face) => face.family);
      waiting.push(`fonts: ${loading.join(", ") || "loading"}`);
    }
    for (const image of document.images) {
      if (!image.complete && image.loading !== "lazy") waiting.push(`image ${image.currentSrc || image.src}`);
    }
    return [...waiting, ...realm.pendingMedia()];
  };

  const smoothed = new WeakSet();
  realm.applyContracts = (time) => {
    window.__HELIOS_VIRTUAL_TIME__ = time;
    const ticker = window.gsap && window.gsap.ticker;
    if (ticker && ticker.lagSmoothing && !smoothed.has(ticker)) {
      ticker.lagSmoothing(0);
      smoothed.add(ticker);
    }
    const seconds = time / 1000;
    const timelines = window.__timelines;
    if (timelines && typeof timelines === "object") {
      for (const timeline of Object.values(timelines)) {
        if (timeline && typeof timeline.seek === "function") callPage(timeline.seek, timeline, [seconds, false]);
      }
      const clips = /** @type {NodeListOf<HTMLElement>} */ (
        document.querySelectorAll("[data-composition-id] [data-start]")
      );
      for (const clip of clips) {
        const start = Number(clip.dataset.start);
        const length = clip.dataset.duration === undefined ? Infinity : Number(clip.dataset.duration);
        clip.style.visibility = seconds >= start && seconds < start + length ? "" : "hidden";
      }
    }
  };

  realm.settle = async () => {
    await realm.showMedia();
    if (document.fonts && document.fonts.status === "loading") await document.fonts.ready;
    const { helios } = window;
    if (helios && typeof helios.waitUntilStable === "function") {
      stabilising = true;
      try {
        await helios.waitUntilStable();
      } finally {
        stabilising = false;
      }
    }
  };

  /** What a signal of a Helios page holds. @param {unknown} signal */
  const signalValue = (signal) =>
    signal && typeof signal === "object" && "value" in signal ? signal.value : undefined;

  // Only the page itself is asked, not its frames.
  if (!inherited) {
    /** Size, frame rate and length as the page declares them, null where it does not. */
    kernel.declared = () => {
      /** @type {(selector: string) => HTMLElement | null} */
      const first = (selector) => document.querySelector(selector);
      const root = first("[data-composition-id]") || first("[data-width][data-height]") || document.documentElement;
      const { width, height, fps, duration, frames, compositionId } = root.dataset;
      const { helios } = window;
      return {
        width: width || null,
        height: height || null,
        fps: fps || (helios && signalValue(helios.fps)) || (compositionId !== undefined ? 30 : null),
        duration: duration || (helios && signalValue(helios.duration)) || null,
        frames: frames || null,
      };
    };
  }

  if (navigator.serviceWorker) {
    Object.defineProperty(Navigator.prototype, "serviceWorker", { get: () => undefined, configurable: true });
  }
}
