// What a page declares and expects: the contracts of plain pages, GSAP, Helios and HyperFrames.
//
// A page is never changed; it is met on its own terms. Plain pages need nothing but the clock. GSAP smooths
// over lags, which a jump is not. Helios reads __HELIOS_VIRTUAL_TIME__ (ms). HyperFrames has paused timelines
// in window.__timelines, sought in seconds, and clips shown by data-start and data-duration.

if (isWindow) {
  if (config.props !== undefined && !("__HELIOS_PROPS__" in window)) window.__HELIOS_PROPS__ = config.props;

  let readySettled = false;
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
      for (const clip of document.querySelectorAll("[data-composition-id] [data-start]")) {
        const start = Number(clip.dataset.start);
        const length = clip.dataset.duration === undefined ? Infinity : Number(clip.dataset.duration);
        clip.style.visibility = seconds >= start && seconds < start + length ? "" : "hidden";
      }
    }
  };

  realm.settle = async () => {
    await realm.showMedia();
    if (document.fonts && document.fonts.status === "loading") await document.fonts.ready;
    const stable = window.helios && window.helios.waitUntilStable;
    if (typeof stable === "function") {
      stabilising = true;
      try {
        await stable.call(window.helios);
      } finally {
        stabilising = false;
      }
    }
  };

  /** Size, rate and length as the page declares them, null where it does not; asked of the page, not of its frames. */
  if (!inherited) {
    kernel.declared = () => {
      const root = document.querySelector("[data-composition-id]") || document.querySelector("[data-width][data-height]") || document.documentElement;
      const helios = window.helios;
      const signal = (value) => (value && typeof value === "object" && "value" in value ? value.value : undefined);
      return {
        width: root.dataset.width || null,
        height: root.dataset.height || null,
        fps: root.dataset.fps || (helios && signal(helios.fps)) || (root.dataset.compositionId !== undefined ? 30 : null),
        duration: root.dataset.duration || (helios && signal(helios.duration)) || null,
        frames: root.dataset.frames || null,
      };
    };
  }

  if (navigator.serviceWorker) Object.defineProperty(Navigator.prototype, "serviceWorker", { get: () => undefined, configurable: true });
}
