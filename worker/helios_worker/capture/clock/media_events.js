// The events that a page hears of its videos and sounds, and when.
//
// The clock seeks the elements on every frame and never plays them, so what the browser says of seeking and playing is not
// what happens in the film. The browser's events are kept from the page, and the clock tells of what happens: in the order of
// the HTML standard, in a task for each event, so that a listener hears it that was added after the call. What the browser
// says of loading is told again, so that it keeps its place among the others.

/** Events of playing and seeking, which the clock makes. None is `stalled`: a film waits for a slow server. */
const PLAYING_EVENTS = list(
  "play", "playing", "pause", "waiting", "stalled", "seeking", "seeked", "timeupdate", "ended", "canplay", "canplaythrough",
  "volumechange", "ratechange",
);
/** Events that the browser makes, and that are told again. */
const LOADING_EVENTS = list(
  "loadstart", "progress", "suspend", "abort", "error", "emptied", "loadedmetadata", "loadeddata",
  "durationchange", "resize",
);

/** @param {NativeMedia} browser */
function createMediaEvents(browser) {
  let undone = 0;

  /** Runs a task of its own, after those that are queued already. @param {() => void} task */
  function queueTask(task) {
    undone += 1;
    void run(task);
  }

  /** @param {() => void} task */
  async function run(task) {
    await own(macrotask());
    undone -= 1;
    task();
  }

  /** Notes that the browser is about to send events, which belong to the present moment. */
  async function expect() {
    undone += 1;
    await own(quiet());
    undone -= 1;
  }

  /** Resolves when every event has been told, also those that were set off by one. */
  async function told() {
    while (undone > 0) await own(macrotask());
  }

  /** @type {(element: HTMLMediaElement) => void} */
  let note = () => {};
  /** @param {HTMLMediaElement} element @param {string} type */
  const tell = (element, type) => {
    note(element);
    queueTask(() => browser.tell(element, type));
  };

  /** @type {SafeWeakSet<EventTarget>} */
  const guarded = new SafeWeakSet();
  /** @type {SafeMap<string, boolean>} whether the browser makes the events of a type */
  const types = new SafeMap();
  for (let index = 0; index < PLAYING_EVENTS.length; index += 1) types.set(PLAYING_EVENTS[index], false);
  for (let index = 0; index < LOADING_EVENTS.length; index += 1) types.set(LOADING_EVENTS[index], true);
  /** @type {(element: HTMLMediaElement, type: string) => void} */
  let hear = () => {};

  /** @param {Event} event */
  function keepBack(event) {
    if (!event.isTrusted) return; // which no page can redefine
    const element = browser.targetOf(event);
    if (!browser.isMedia(element) || browser.isLive(element)) return;
    browser.stopHere(event);
    const type = browser.typeOf(event);
    if (types.get(type)) tell(element, type);
    hear(element, type);
  }

  /**
   * Keeps the browser's events from the listeners that a target gets from now on.
   * @param {EventTarget} target a media element, or what its events pass on their way to it
   */
  function guard(target) {
    if (guarded.has(target)) return;
    guarded.add(target);
    types.forEach((_isLoading, type) => browser.listen(target, type, keepBack, true));
  }

  return {
    __proto__: null,
    tell,
    told,
    guard,
    queueTask,
    expect,
    isBusy: () => undone > 0,
    /** Whether the page hears events of a type from the clock. @param {unknown} type */
    isOurs: (type) => typeof type === "string" && types.has(type),
    /** Hears what the browser says. @param {(element: HTMLMediaElement, type: string) => void} listener */
    hearWith: (listener) => (hear = listener),
    /** Called with each element that something is about to be told of. @param {(element: HTMLMediaElement) => void} listener */
    noteWith: (listener) => (note = listener),
  };
}

/** @typedef {ReturnType<typeof createMediaEvents>} MediaEvents */
