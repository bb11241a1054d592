// The kernel: the virtual time of a page and its same-origin frames, and what the driver may call.
//
// Every realm (window or worker) runs this script before any of the page's own. The top realm makes the kernel.
// Same-origin frames join their parent's kernel (realm.js), so that the timers of all of them fire in one order. A
// cross-origin frame and a worker have a kernel of their own, which the driver moves along with the page's.
//
// Here is the kernel's state. queue.js keeps its timers, driver.js talks to the driver, steps.js moves time on: the
// driver calls begin() once and advance() for each frame.

/** The state that steps, timers and realms share. */
function createKernelState() {
  return {
    __proto__: null,
    /** Milliseconds since just before the page began to load. Only steps.js moves it. */
    now: config.startMs,
    /** When this kernel's time began, in milliseconds since frame 0: not 0 for a frame of another origin that came late. */
    startedAt: 0,
    frame: 0,
    /** Whether the film has begun: the page has loaded. */
    begun: false,
    /** The nesting level that a timer gets which is set now. */
    nesting: 0,
    lastTimer: 0,
    /** While the page loads: how far its loading time has come, in milliseconds. */
    loading: 0,
    /** @type {Realm[]} */
    realms: list(),
    timersFired: 0,
    /** What the page listens to, and therefore needs of the browser: animations.js and needs.js say when. */
    needs: {
      __proto__: null,
      ...{ events: false, iterations: false, drawings: false, observers: false },
      ...{ draw: false, rounds: false, storage: false },
    },
    /** The timelines of the documents, on which animations of other documents may be. @type {SafeWeakSet<AnimationTimeline>} */
    timelines: new SafeWeakSet(),
    /** Whether the insides of form controls, and those of <use>, are asked for their animations (needs.js). */
    parts: false,
    copies: false,
    /** How many view transitions are about to take their pictures. */
    transitions: 0,
    /** How many animations began that no frame of the browser's has seen yet. */
    fresh: 0,
    /** How often a script may have begun to load something (loads.js). */
    loads: 0,
    /** How many messages scripts sent to other realms (loads.js). */
    posted: 0,
    /** How many programs for WebGL the page has made. */
    linked: 0,
    /** How many workers were made here. The browser announces each a little later. */
    workers: 0,
    /** Whether there are other kernels to move along: those of workers and of frames of other origins. */
    others: false,
    /** @type {(() => object) | undefined} what the page declares about the film (page.js) */
    declared: undefined,
    /** @type {((addresses: string[]) => Promise<string[]>) | undefined} (images.js) */
    undecodable: undefined,
    /** @type {SafeWeakMap<HTMLMediaElement, Player>} what the videos and sounds do, which may go from one realm to another (players.js) */
    media: new SafeWeakMap(),
    /** What is heard of them (sounds.js). */
    heard: createHeard(),
    /** What its AudioContexts do (audio_clocks.js). */
    audio: createAudioClocks(),
    /** @type {SafeWeakMap<Element, any>} the last smooth scroll of each element, of its own realm's or of a frame's within (scrolls.js) */
    scrolls: new SafeWeakMap(),
    /** Whether a smooth scroll has ended that the browser has not told the page of. */
    scrollEnded: false,
  };
}

/** @typedef {ReturnType<typeof createKernelState>} KernelState */

/** What the page's and its same-origin frames' realms share. It inherits nothing, and no script of the page reaches it. */
function createKernel() {
  const state = createKernelState();
  const queue = createTimerQueue();
  const driver = createDriver(state, queue);
  const work = createWork(state);
  const { heard } = state;
  const steps = createSteps(state, queue, driver, work);

  /** What the page still waits for, in words, for the report of a frame that never became ready. */
  function waiting() {
    const timers = list();
    const soonest = queue.soonest(10);
    for (let index = 0; index < soonest.length; index += 1) {
      const { interval, due, callback } = soonest[index];
      const kind = interval === undefined ? "setTimeout" : "setInterval";
      append(timers, { __proto__: null, kind, due, callback: callbackText(callback) });
    }
    /** @type {string[]} */
    const pending = work.words();
    const endless = steps.words();
    for (let index = 0; index < endless.length; index += 1) append(pending, endless[index]);
    const realms = liveRealms(state);
    for (let index = 0; index < realms.length; index += 1) {
      const words = realms[index].pending();
      for (let word = 0; word < words.length; word += 1) append(pending, words[word]);
    }
    return { __proto__: null, now: state.now, frame: state.frame, timers, pending, timersFired: state.timersFired };
  }

  /**
   * What the driver calls. The times that it gives and gets count from the beginning of this kernel's time. Each step takes
   * the number of the driver's request first.
   *
   * begin, advance and settle are steps of every kernel. The kernel of a worker or foreign frame also has peek, which
   * takes in its messages and replies when its next timer is due, and walk, which moves to a time and fires timers, but
   * no animation callbacks.
   */
  const commands = ObjectFreeze({
    __proto__: null,
    waiting,
    declared: () => state.declared?.(),
    /** Those of some addresses that are no pictures to this browser. @param {string[]} addresses */
    undecodable: (addresses) => state.undecodable?.(addresses),
    /** Of the images with these keys, those that are in the picture. @param {string[]} keys */
    shownImages: (keys) => shownOf(liveRealms(state), keys),
    imagesInStyles: () => allOf(liveRealms(state), (realm) => realm.imagesInStyles()),
    texts: () => allOf(liveRealms(state), (realm) => realm.texts()),
    /** @param {number} seconds of the film */
    compositionWarnings: (seconds) => allOf(liveRealms(state), (realm) => realm.compositionWarnings(seconds)),
    /** Whether elements have shown the images with these keys. @param {string[]} keys */
    imageStates: (keys) => imageStates(liveRealms(state), keys),
    /** Whether files that failed matter. @param {[string, string, boolean][]} files for verdicts() in images.js */
    verdicts: (files) => verdicts(liveRealms(state), files),
    /** What was heard since the last time. @param {number | null} end for sounds.js */
    heard: (end) => heard.take(end),
    /** @param {boolean} isEnd */
    finishAudio: (isEnd) => forDriver(finishAudio(isEnd)),
    audioSamples,
    forgetAudio: state.audio.forget,
    audioCutAfter: () => state.audio.cutAfter,
    audioIsLookedAt: () => state.audio.isLookedAt,
    /** The bytes behind an address that a script has made, as a data: address. @param {string} address */
    madeFile: (address) => dataOf(heard.fileOf(address)),
    isBlank: () => steps.any((realm) => realm.isBlank()),
    /** @param {number} request */
    again: (request) => driver.run(request, steps.again),
    /**
     * @param {number} request
     * @param {number} [startedAt] when this kernel's time began, for the kernel of a foreign frame
     */
    begin: (request, startedAt = 0) => {
      state.startedAt = startedAt;
      return driver.run(request, steps.begin);
    },
    /**
     * @param {number} request
     * @param {number} target the frame's time
     * @param {number} frame
     * @param {boolean} others whether there are other kernels
     */
    advance: (request, target, frame, others) => {
      state.others = others;
      return driver.run(request, () => steps.advance(target, frame));
    },
    /** @param {number} request @param {number[]} targets the frames' times @param {number} first */
    pass: (request, targets, first) => driver.run(request, () => steps.pass(targets, first)),
    /**
     * @param {number} request
     * @param {boolean} fires whether the next timer is due on the loading time
     */
    load: (request, fires) => driver.run(request, () => steps.load(fires), steps.nextWhileLoading),
    /** @param {number} request */
    settle: (request) => driver.run(request, steps.settle),
    /** @param {number} request */
    peek: (request) => driver.run(request, steps.peek),
    /** @param {number} request @param {number} target */
    walk: (request, target) => driver.run(request, () => steps.walk(target)),
    resume: driver.resume,
  });

  return ObjectAssign(state, {
    __proto__: null,
    commands,
    schedule: queue.add,
    /**
     * Schedules work of the clock's own among the page's timers.
     * @param {number} due virtual time in milliseconds
     * @param {string} name for reports
     * @param {() => void} run
     */
    scheduleOwn(due, name, run) {
      queue.add({
        __proto__: null,
        ...{ id: 0, due, loading: state.loading, interval: undefined, nesting: 0, cancelled: false, order: 0, place: 0 },
        ...{ callback: name, run },
      });
    },
    cancel: queue.cancel,
    nativeFrame: driver.nativeFrame,
    work,
    /** @param {Realm} realm */
    join: (realm) => append(state.realms, realm),
  });
}

/** @typedef {ReturnType<typeof createKernel>} Kernel */

const stringSlice = methodOf(String.prototype, "slice");

/**
 * What the realms have, in one list.
 * @template T
 * @param {Realm[]} realms
 * @param {(realm: Realm) => T[]} ask
 */
function allOf(realms, ask) {
  /** @type {T[]} */
  const found = list();
  for (let place = 0; place < realms.length; place += 1) {
    const items = ask(realms[place]);
    for (let index = 0; index < items.length; index += 1) append(found, items[index]);
  }
  return found;
}

/** @param {unknown} callback */
function callbackText(callback) {
  return stringSlice(inWords((typeof callback === "function" && callback.name) || callback), 0, 120);
}

/**
 * The realms whose document is still shown. Forgets the others.
 * @param {KernelState} kernel
 */
function liveRealms(kernel) {
  const { realms } = kernel;
  let alive = 0;
  while (alive < realms.length && realms[alive].alive()) alive += 1;
  if (alive === realms.length) return realms;
  /** @type {Realm[]} */
  const left = list();
  for (let index = 0; index < realms.length; index += 1) {
    if (realms[index].alive()) append(left, realms[index]);
    else realms[index].leave();
  }
  kernel.realms = left;
  return left;
}
