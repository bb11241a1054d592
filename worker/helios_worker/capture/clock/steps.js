// The steps by which the driver moves time on: begin() once, advance() for each frame, settle() whenever something may
// have arrived, and walk() for the kernels of workers and foreign frames.
//
// Virtual time moves only in moveTo(). A step stops in the middle, in driver.ask(), for what only the driver can do: a
// frame of the browser's own (for an animation that ends with a listener, or a view transition), for files that a timer
// began to load, and for the other kernels, which move along. What the steps do to one realm is its own part: realm.js
// lists these hooks. Long, because the steps call each other.

/** How often a page may go on from one picture of a video to the next in one step: one may do so without end. */
const MOST_ROUNDS = 100;
/** From here on the report of a frame that never became ready says how often it was waited, and how many messages were sent. */
const MANY_ROUNDS = 50;
const MANY_MESSAGES = 1000;

/**
 * @param {KernelState} kernel
 * @param {TimerQueue} queue
 * @param {Driver} driver
 * @param {Work} work
 */
function createSteps(kernel, queue, driver, work) {
  const { ask, nativeFrame } = driver;

  /**
   * Does something with each realm whose document is still shown.
   * @param {(realm: Realm) => void} act
   */
  function each(act) {
    const realms = liveRealms(kernel);
    const { length } = realms; // those made meanwhile come next time
    for (let index = 0; index < length; index += 1) act(realms[index]);
  }

  /**
   * The same with what takes time, one realm after the other.
   * @param {(realm: Realm) => Promise<void>} act
   */
  async function eachInTurn(act) {
    const realms = liveRealms(kernel);
    const { length } = realms;
    for (let index = 0; index < length; index += 1) await own(act(realms[index]));
  }

  /**
   * Whether something is so in any realm. All of them are asked.
   * @param {(realm: Realm) => boolean} question
   */
  function any(question) {
    let found = false;
    each((realm) => {
      if (question(realm)) found = true;
    });
    return found;
  }

  /** @param {number} time */
  function moveTo(time) {
    if (time !== kernel.now && !kernel.needs.events) each((realm) => realm.observeRoots());
    kernel.now = time;
    work.resume();
    each((realm) => realm.moveTo(time));
  }

  function observe() {
    each((realm) => realm.observe());
  }

  /** Moves time on, and what AudioContexts play with it. @param {number} time */
  async function passTo(time) {
    moveTo(time);
    if (kernel.audio.renders()) await own(renderAudio());
  }

  /** Shows new animations to the browser, which sends an animation's events only if the frame before has seen it. */
  async function showFresh() {
    // In a root that is handed over, there may be others.
    for (let round = 0; round < MOST_ROUNDS && any((realm) => realm.madeInnerRoots()); round += 1) {
      await own(ask("roots", (kernel.parts ? 1 : 0) + (kernel.copies ? 2 : 0)));
      observe();
    }
    // A pending animation takes two frames: the first makes it ready, the second is the first to see it.
    for (let frames = 0; frames < 2 && kernel.needs.events && (kernel.fresh > 0 || frames > 0); frames += 1) {
      const pending = any((realm) => realm.animationsPend());
      await own(nativeFrame("update"));
      await own(macrotask());
      observe();
      if (!pending) return;
    }
  }

  /** Has the browser send the events of smooth scrolls, which come before the page's animation callbacks. */
  async function tellScrolls() {
    kernel.scrollEnded = false;
    await own(nativeFrame("update"));
    await own(macrotask());
    observe();
  }

  /** Has the browser draw, and expect no frame after that. */
  function drawAfresh() {
    native.requestAnimationFrame?.(ignore);
    return nativeFrame("draw");
  }

  /**
   * Keeps time still until what a script has begun has ended and been processed: what it loads, the pictures of the
   * videos that it has sought, and other work of the browser's.
   */
  async function rest() {
    for (rounds = 0; ; rounds += 1) {
      if (beganLoading()) {
        loadsAwaited = false;
        kernel.others = await own(ask("rest"));
        await own(quiet());
      } else if (any((realm) => realm.mediaPends())) {
        await own(eachInTurn((realm) => realm.finishMedia()));
      } else if (work.isOpen()) {
        await own(work.finish(drawAfresh, () => ask("idle")));
        await own(quiet());
      } else {
        rounds = 0;
        return;
      }
      observe();
    }
  }

  let rounds = 0;
  let passes = 0;
  let postedBefore = 0;
  /** What seems to have no end, in words, for the report of a frame that never became ready. */
  function words() {
    /** @type {string[]} */
    const endless = list();
    if (rounds > MANY_ROUNDS) append(endless, `an end of what the page begins whenever something has come (${rounds} times)`);
    if (passes > MANY_ROUNDS) append(endless, `an end of what each look at the settled page sets off (${passes} times)`);
    const sent = kernel.posted - postedBefore;
    if (sent > MANY_MESSAGES) append(endless, `an end of the messages that scripts send each other (${sent} so far)`);
    return endless;
  }

  let loadsSeen = 0;
  let loadsAwaited = false;
  /** Whether something began to load that rest() has not waited for. */
  function beganLoading() {
    if (kernel.loads !== loadsSeen) loadsAwaited = true;
    loadsSeen = kernel.loads;
    if (any((realm) => realm.beganLoading())) loadsAwaited = true;
    return loadsAwaited;
  }

  /** Whether rest() has anything to wait for: asking costs less than to call it after each of many timers. */
  const isRestless = () => beganLoading() || any((realm) => realm.mediaPends()) || work.isOpen();

  /** @param {Timer} timer taken out of the queue */
  function fire(timer) {
    kernel.timersFired += 1;
    kernel.nesting = timer.nesting + 1;
    timer.run();
    work.resume();
    kernel.nesting = 0;
    if (timer.interval !== undefined && !timer.cancelled) {
      timer.nesting += 1;
      timer.due += atLeastFour(timer.interval, timer.nesting);
      queue.add(timer);
    }
  }

  /** When the next event of an animation or a media element is due, if the page listens to any. */
  function nextBoundary() {
    let next = Infinity;
    if (!kernel.needs.events) return next;
    each((realm) => {
      next = min(next, realm.nextBoundary());
    });
    return next;
  }

  /**
   * Whether what a timer draws may be seen: the frame at `until` is the next one, and the timer fires before it for the last time.
   * @param {Timer} timer
   * @param {number} until
   */
  function isLastBefore({ due, interval, nesting }, until) {
    if (kernel.frame > 0 && (until - due) * kernel.frame > until * 1.01) return false;
    return interval === undefined || due + atLeastFour(interval, nesting + 1) > until;
  }

  /**
   * Fires everything that is due by `until`, in order. The clock shows each timer its own time.
   * @param {number} until
   */
  async function runTimers(until) {
    for (;;) {
      const timer = queue.first();
      const timerDue = timer ? timer.due : Infinity;
      const boundary = nextBoundary();
      const due = min(timerDue, boundary);
      if (kernel.others && min(due, until) > kernel.now) {
        // What a worker does by then comes first, and the page is there when its message arrives.
        const goal = min(due, until);
        const reached = await own(walkTogether(goal));
        if (reached < goal || (queue.first()?.due ?? Infinity) < due) continue;
      }
      if (!(due <= until)) return;
      if (due > kernel.now) await own(passTo(due));
      if (!timer || boundary <= timerDue) {
        each((realm) => realm.endMedia());
        await own(nativeFrame("update"));
      } else {
        if (isLastBefore(timer, until) && any((realm) => realm.hidesVideos())) {
          await own(eachInTurn((realm) => realm.showHiddenVideos()));
          if (queue.first() !== timer) continue;
        }
        queue.take(timer);
        fire(timer);
      }
      await own(macrotask());
      observe();
      if (kernel.scrollEnded) await own(tellScrolls());
      if (isRestless()) await own(rest());
      if (kernel.fresh > 0) await own(showFresh());
      if (kernel.transitions > 0) await own(finishTransitions());
    }
  }

  /** Changes with what can bring something before the due times that are known: messages, timers and workers. */
  const goneOn = () => kernel.posted + queue.added() + kernel.workers;

  /**
   * Moves this kernel and the others to `goal`, from one due time of the others to the next. This one moves first, so
   * that it is there when their messages arrive. Stops early where a message sets off something here, and does not move
   * at all while messages are on their way.
   * @param {number} goal
   * @returns {Promise<number>} the time reached
   */
  async function walkTogether(goal) {
    let reached = await own(ask("others", goal));
    if (reached === null) {
      await own(peek());
      observe();
      return kernel.now;
    }
    for (;;) {
      await own(passTo(reached));
      const before = goneOn();
      const next = await own(ask("walk", reached));
      await own(quiet());
      observe();
      if (isRestless()) await own(rest());
      if (reached >= goal || goneOn() !== before) return reached;
      reached = next === null ? goal : min(goal, next);
    }
  }

  /** Takes in what has arrived. */
  async function peek() {
    await own(quiet());
    if (isRestless()) await own(rest());
  }

  /** @param {number} target */
  async function walk(target) {
    await own(peek());
    await own(runTimers(target));
    if (target > kernel.now) await own(passTo(target));
  }

  /** Draws until view transitions have taken their pictures, all at the same virtual time. */
  async function finishTransitions() {
    for (let round = 0; kernel.transitions > 0; round += 1) {
      await own(nativeFrame("draw"));
      await own(macrotask());
      observe();
      // A document that the browser does not draw takes none.
      if (round > 20 && (await own(ask("idle")))) kernel.transitions = 0;
    }
  }

  /** Draws a page with videos until two drawings in a row change nothing: pictures.js says why. */
  async function drawVideos() {
    let still = 0;
    if (HEARD_SECONDS !== undefined) return;
    for (let round = 0; still < 2 && round < 20; round += 1) {
      if (!any((realm) => realm.handOverPictures())) return;
      still = (await own(nativeFrame("draw"))) ? 0 : still + 1;
    }
  }

  /**
   * @param {number} target the frame's time
   * @param {number} frame
   */
  async function advance(target, frame) {
    kernel.frame = frame;
    kernel.begun = true;
    postedBefore = kernel.posted;
    observe(); // what drawing the last frame set off, such as an animation's `ready`, belongs to that frame's time
    if (any((realm) => realm.mediaPends())) await own(rest());
    await own(runTimers(target));
    await own(passTo(target));
    if (any((realm) => realm.scrolls())) await own(tellScrolls());
    await own(eachInTurn((realm) => realm.showMedia()));
    each((realm) => realm.applyContracts(target));
    if (compositionWaits()) await own(awaitComposition());
    each((realm) => realm.runAnimationFrames());
    await own(macrotask());
    if (work.isOpen()) await own(rest());
    await own(runTimers(target));
    each((realm) => realm.runIdleCallbacks());
    await own(settle());
    each((realm) => realm.refuse());
    if (HEARD_SECONDS || kernel.audio.hasRoutes()) each((realm) => realm.hear());
  }

  /**
   * Passes over frames that nobody looks at, until there is another kernel to move along, which the driver does.
   * @param {number[]} targets the frames' times
   * @param {number} first
   */
  async function pass(targets, first) {
    const { workers } = kernel;
    kernel.others = false;
    for (let index = 0; index < targets.length; index += 1) {
      await own(advance(targets[index], first + index));
      if (kernel.others || kernel.workers !== workers) return;
    }
  }

  const compositionWaits = () => any((realm) => realm.compositionWaits().length > 0);

  /** Waits for what a composition has a frame wait for, which may be timers of its own (hyperframes.js). */
  async function awaitComposition() {
    while (compositionWaits()) {
      await own(moment(2));
      await own(rest());
      const timer = compositionWaits() ? firstWhileLoading() : undefined;
      if (timer) fireWhileLoading(timer);
      await own(macrotask());
      observe();
    }
    kernel.loading = 0;
  }

  /** One more animation frame at the time of the last one. */
  async function again() {
    each((realm) => realm.runAnimationFrames());
    await own(macrotask());
    if (work.isOpen()) await own(rest());
    await own(runTimers(kernel.now));
    await own(settle());
  }

  /** Waits for what the frame has started: tasks, fonts, media, observers, the page's own promise, and what each sets off. */
  async function settle() {
    passes = 0;
    do {
      passes += 1;
      await own(peek());
      observe();
      await own(eachInTurn((realm) => realm.settle()));
      await own(showFresh());
      await own(finishTransitions());
      if (kernel.needs.observers) {
        await own(nativeFrame("update"));
        await own(peek());
        observe();
      }
      if (kernel.needs.draw) await own(nativeFrame("draw"));
      await own(runTimers(kernel.now));
      await own(drawVideos());
      await own(macrotask());
    } while (isRestless() || kernel.transitions > 0 || (queue.first()?.due ?? Infinity) <= kernel.now);
    passes = 0;
  }

  /** @param {Timer} timer */
  const loadingDue = (timer) => timer.due + timer.loading;

  /** The timer that is due next on the loading time. */
  function firstWhileLoading() {
    const { timers } = queue;
    let first = queue.first();
    for (let index = 1; index < timers.length; index += 1) {
      const timer = timers[index];
      const later = first ? loadingDue(timer) - loadingDue(first) : 0;
      if (first && (later < 0 || (later === 0 && firesBefore(timer, first)))) first = timer;
    }
    return first;
  }

  /** @param {Realm} realm */
  async function showLoaded(realm) {
    await own(realm.showMedia());
    realm.runAnimationFrames();
  }

  /** @param {Timer} timer */
  function fireWhileLoading(timer) {
    queue.take(timer);
    kernel.loading = max(kernel.loading, loadingDue(timer));
    fire(timer);
  }

  /**
   * One round of loading in the kernel of a worker or foreign frame, for whose message the page may wait.
   * @param {boolean} fires whether its next timer is due
   */
  async function load(fires) {
    await own(peek());
    const timer = fires ? firstWhileLoading() : undefined;
    if (timer) fireWhileLoading(timer);
    else await own(eachInTurn(showLoaded));
    await own(macrotask());
    observe();
    await own(peek());
  }

  /** When the next timer is due on the loading time; null where there is none. */
  function nextWhileLoading() {
    const timer = firstWhileLoading();
    return timer ? loadingDue(timer) : null;
  }

  /**
   * Brings a loaded page to the state before frame 0, with the clock still at its start.
   *
   * Later timers fire only while the page's own ready promise is pending, those of workers and foreign frames too. They
   * fire in the order in which they are due on a loading time that the page cannot see: without it, a short poll would
   * starve the longer timer it waits for.
   */
  async function begin() {
    each((realm) => realm.findOpenRoots());
    await own(peek());
    await own(runTimers(kernel.now));
    observe();
    while (any((realm) => realm.notReady())) {
      await own(moment(2));
      await own(rest());
      await own(eachInTurn(showLoaded));
      const timer = firstWhileLoading();
      const isElsewhere = await own(ask("load", timer ? loadingDue(timer) : null));
      if (timer && !isElsewhere) fireWhileLoading(timer);
      await own(nativeFrame("update"));
      await own(macrotask());
      observe();
    }
    kernel.loading = 0;
    await own(settle());
    each((realm) => realm.goToPart());
  }

  return { __proto__: null, begin, load, nextWhileLoading, advance, pass, again, settle, peek, walk, any, words };
}
