// The events that a page hears of its videos and sounds, and when.
//
// The clock seeks the elements on every frame and never plays them, so what the browser says of seeking and playing is not
// what happens in the film. Those events are kept from the page, and the clock tells of its own: in the order of the HTML
// standard, one task for each, so that a listener hears them that was added after the call, and in between the page's
// promises go on. What the browser says of loading goes to the page as it is.

/** Events that the page hears from the clock alone. */
const MEDIA_EVENTS = list(
  ...["play", "playing", "pause", "waiting", "seeking", "seeked", "timeupdate", "ended"],
  ...["canplay", "canplaythrough"],
);

/** @param {NativeMedia} browser */
function createMediaEvents(browser) {
  /** @type {(() => void)[]} */
  let tasks = list();
  let running = false;

  /** Runs a task after those that were queued before. @param {() => void} task */
  function queueTask(task) {
    append(tasks, task);
    if (!running) void run();
  }

  async function run() {
    running = true;
    while (tasks.length > 0) {
      const due = tasks;
      tasks = list();
      for (let index = 0; index < due.length; index += 1) {
        const task = due[index];
        await own(macrotask());
        task();
      }
    }
    running = false;
  }

  /** Resolves when every event has been told, also those that were set off by one. */
  async function told() {
    while (running) await own(macrotask());
  }

  /** @param {HTMLMediaElement} element @param {string} type */
  const tell = (element, type) => queueTask(() => browser.tell(element, type));

  /** @type {SafeWeakSet<EventTarget>} */
  const guarded = new SafeWeakSet();
  /** @type {SafeSet<string>} */
  const types = new SafeSet();
  for (let index = 0; index < MEDIA_EVENTS.length; index += 1) types.add(MEDIA_EVENTS[index]);
  /** @type {(element: HTMLMediaElement, type: string) => void} */
  let hear = () => {};

  /** @param {Event} event */
  function keepBack(event) {
    if (!event.isTrusted) return; // which no page can redefine
    const element = browser.targetOf(event);
    if (!browser.isMedia(element) || browser.isLive(element)) return;
    browser.stopHere(event);
    hear(element, browser.typeOf(event));
  }

  /**
   * Keeps the browser's events from the listeners that a target gets from now on.
   * @param {EventTarget} target a media element, or what its events pass on their way to it
   */
  function guard(target) {
    if (guarded.has(target)) return;
    guarded.add(target);
    for (let index = 0; index < MEDIA_EVENTS.length; index += 1) {
      browser.listen(target, MEDIA_EVENTS[index], keepBack, true);
    }
  }

  return {
    __proto__: null,
    tell,
    told,
    guard,
    queueTask,
    isBusy: () => running,
    /** Whether the page hears events of a type from the clock alone. @param {unknown} type */
    isOurs: (type) => typeof type === "string" && types.has(type),
    /** Hears what is kept from the page. @param {(element: HTMLMediaElement, type: string) => void} listener */
    hearWith: (listener) => (hear = listener),
  };
}

/** @typedef {ReturnType<typeof createMediaEvents>} MediaEvents */
