// The kernel: one virtual time and one ordered queue of timers for a page and its same-origin frames.
//
// Every realm (window or worker) runs this script before any of the page's own. The top realm makes the
// kernel; same-origin frames join their parent's, so that timers of all of them fire in one order. A
// cross-origin frame and a worker have a kernel of their own, which the driver moves along.
//
// `now` is in milliseconds since frame 0 and moves only in moveTo(). The driver calls begin() once and
// advance() per frame. Where the kernel needs the driver in the middle of that, the coroutine stops in ask()
// until resume(): for a frame of the browser's own (an animation that ends with a listener, a view
// transition), for what a timer began to load, and to take the kernels beside this one along.

const native = {
  setTimeout: globalThis.setTimeout.bind(globalThis),
  clearTimeout: globalThis.clearTimeout.bind(globalThis),
  requestAnimationFrame: typeof window === "object" && globalThis.requestAnimationFrame.bind(globalThis),
  MessageChannel: globalThis.MessageChannel,
  Promise: globalThis.Promise,
  postTask: globalThis.scheduler && globalThis.scheduler.postTask.bind(globalThis.scheduler),
};

/** Lets every task the page has queued run, with its microtasks: about 8 µs. */
const macrotask = (() => {
  const channel = new native.MessageChannel();
  const { postMessage } = channel.port2;
  const waiting = [];
  channel.port1.onmessage = () => waiting.shift()();
  return () =>
    new native.Promise((resolve) => {
      waiting.push(resolve);
      postMessage.call(channel.port2, 0);
    });
})();

/**
 * Waits until the page has no task left to run: a background task runs when nothing else is queued (8 µs; tasks of
 * our own beside it would only keep it waiting). A second one for what was queued in the background. A page that
 * posts to itself for ever is left alone after 50 ms.
 */
function quiet() {
  if (!native.postTask) return macrotask();
  return new native.Promise((resolve) => {
    const limit = native.setTimeout(resolve, 50);
    const background = { priority: "background" };
    const done = () => {
      native.clearTimeout(limit);
      resolve();
    };
    native.postTask(() => native.postTask(done, background), background);
  });
}

/** A timer set by more than five timers, each by the one before, waits at least 4 ms (HTML standard, "timer nesting level"). */
const atLeastFour = (wait, nesting) => (nesting > 5 ? Math.max(4, wait) : wait);

function createKernel() {
  const queue = []; // timers by (due, order)
  const byId = new Map();
  let order = 0;
  let reply = null;
  let wake = null;

  const kernel = {
    now: config.startMs,
    frame: 0,
    nesting: 0,
    realms: [],
    timersFired: 0,
    needs: { events: false, observers: false, draw: false },
    transitions: 0,
    /** Animations that began and that no frame of the browser has seen yet. */
    fresh: 0,
    /** How often a script may have begun to load something, and how many messages it sent to other realms (loads.js). */
    loads: 0,
    posted: 0,
    /** How many workers were made here; the browser announces each, a little later. */
    workers: 0,
    /** Whether there are kernels beside this one: workers, frames of other origins. */
    others: false,

    schedule(timer) {
      timer.order = order += 1;
      let low = 0;
      let high = queue.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (queue[middle].due <= timer.due) low = middle + 1;
        else high = middle;
      }
      queue.splice(low, 0, timer);
      byId.set(timer.id, timer);
    },

    cancel(id) {
      const timer = byId.get(id);
      if (!timer) return;
      byId.delete(id);
      timer.cancelled = true;
      const index = queue.indexOf(timer);
      if (index >= 0) queue.splice(index, 1);
    },

    join(realm) {
      kernel.realms.push(realm);
    },

    /** What the page still waits for, in words, for the report of a frame that never became ready. */
    waiting() {
      const timers = queue.slice(0, 10).map((timer) => ({
        kind: timer.interval === undefined ? "setTimeout" : "setInterval",
        due: timer.due,
        callback: String(timer.callback.name || timer.callback).slice(0, 120),
        source: timer.source,
      }));
      return { now: kernel.now, timers, pending: live().flatMap((realm) => realm.pending()), timersFired: kernel.timersFired };
    },

    begin: () => drive(begin),
    advance: (target, frame, others) => {
      kernel.others = others;
      return drive(() => advance(target, frame));
    },
    settle: () => drive(settle),
    /** For a kernel beside the page's: takes in what it was sent. The answer says when its next timer is due. */
    peek: () => drive(quiet),
    /** For a kernel beside the page's: moves there, firing timers, but without animation callbacks. */
    walk: (target) => drive(() => walk(target)),
    resume(answer) {
      return new native.Promise((resolve) => {
        reply = resolve;
        const continueWith = wake;
        wake = null;
        continueWith(answer);
      });
    },
    nativeFrame,
  };

  function drive(job) {
    return new native.Promise((resolve) => {
      reply = resolve;
      job().then(
        () => answer({ state: "ready", posted: kernel.posted, due: queue.length > 0 ? queue[0].due : null }),
        (error) => reply({ state: "error", message: String((error && error.stack) || error) }),
      );
    });
  }

  const answer = (message) => reply({ ...message, now: kernel.now, workers: kernel.workers });

  /** Hands over to the driver until it resumes, with its answer. */
  function ask(kind, details) {
    return new native.Promise((resolve) => {
      wake = resolve;
      answer({ state: "asks", kind, ...details });
    });
  }

  /**
   * One frame of the browser's own: "update" runs layout and events, "draw" also draws. The browser may answer before the
   * page has had its part of an update, so a native callback, which comes after the events, says that it has. Resolves to
   * whether anything changed.
   */
  async function nativeFrame(kind) {
    kernel.fresh = 0;
    let ran = kind !== "update" || !native.requestAnimationFrame;
    if (!ran) native.requestAnimationFrame(() => (ran = true));
    const changed = await ask(kind);
    for (let round = 0; round < 20 && !ran; round += 1) {
      await new native.Promise((resolve) => native.setTimeout(resolve, round < 10 ? 0 : 2));
      if (!ran) await ask(kind);
    }
    return changed;
  }

  /** An animation's events are told apart by what the frame before saw of it: its first moment needs a frame too. */
  async function showFresh() {
    // Two, if it is still pending: the first frame makes it ready, the second is the first to see it.
    for (let frames = 0; frames < 2 && kernel.needs.events && (kernel.fresh > 0 || frames > 0); frames += 1) {
      const pending = live().some((realm) => realm.animationsPend());
      await nativeFrame("update");
      await macrotask();
      observe();
      if (!pending) return;
    }
  }

  /** Time stands still until what a script has begun to load has come and been taken in. */
  async function rest() {
    for (let round = 0; round < 50 && beganLoading(); round += 1) {
      kernel.others = await ask("rest");
      await quiet();
      observe();
    }
  }

  let loadsSeen = 0;
  function beganLoading() {
    let began = kernel.loads !== loadsSeen;
    loadsSeen = kernel.loads;
    for (const realm of live()) if (realm.beganLoading()) began = true;
    return began;
  }

  function live() {
    kernel.realms = kernel.realms.filter((realm) => realm.alive());
    return kernel.realms;
  }

  function moveTo(time) {
    kernel.now = time;
    for (const realm of live()) realm.moveTo(time);
  }

  function observe() {
    for (const realm of live()) realm.observe();
  }

  function fire(timer) {
    kernel.timersFired += 1;
    if (timer.interval === undefined) byId.delete(timer.id);
    kernel.nesting = timer.nesting + 1;
    timer.run();
    kernel.nesting = 0;
    if (timer.interval !== undefined && !timer.cancelled) {
      timer.nesting += 1;
      timer.due += atLeastFour(timer.interval, timer.nesting);
      kernel.schedule(timer);
    }
  }

  /** Fires everything due up to `until` in order, with the clock standing at each one's own time. */
  async function runTimers(until) {
    for (;;) {
      const timer = queue[0];
      const timerDue = timer ? timer.due : Infinity;
      const boundary = kernel.needs.events ? Math.min(Infinity, ...live().map((realm) => realm.nextBoundary())) : Infinity;
      const due = Math.min(timerDue, boundary);
      if (kernel.others && Math.min(due, until) > kernel.now) {
        // What a worker does by then comes first, and the page is there when its message arrives.
        const goal = Math.min(due, until);
        const reached = await walkTogether(goal);
        if (reached < goal || (queue[0] && queue[0].due < due)) continue;
      }
      if (!(due <= until)) return;
      if (due > kernel.now) moveTo(due);
      if (boundary <= timerDue) {
        for (const realm of live()) realm.endMedia();
        await nativeFrame("update");
      } else {
        queue.shift();
        fire(timer);
      }
      await macrotask();
      observe();
      await rest();
      await showFresh();
      await finishTransitions();
    }
  }

  /**
   * Moves the page and the others from one thing that the others have due to the next, up to `goal`, the page
   * first, so that it is there when their messages arrive. Stops early where a message sets off something here.
   */
  async function walkTogether(goal) {
    for (let reached = await ask("others", { until: goal }); ; ) {
      moveTo(reached);
      const before = kernel.posted + order;
      const next = await ask("walk", { until: reached });
      await quiet();
      observe();
      await rest();
      if (reached >= goal || kernel.posted + order !== before) return reached;
      reached = next === null ? goal : Math.min(goal, next);
    }
  }

  async function walk(target) {
    await quiet();
    await runTimers(target);
    if (target > kernel.now) moveTo(target);
  }

  /** A view transition takes its pictures in frames of the browser's own, all at the same virtual time. */
  async function finishTransitions() {
    for (let round = 0; round < 20 && kernel.transitions > 0; round += 1) {
      await nativeFrame("draw");
      await macrotask();
      observe();
    }
  }

  /** A page with videos is drawn until two drawings in a row change nothing: media.js says why. */
  async function drawVideos() {
    let still = 0;
    for (let round = 0; still < 2 && round < 20; round += 1) {
      const videos = live().map((realm) => realm.handOverPictures());
      if (!videos.includes(true)) return;
      still = (await nativeFrame("draw")) ? 0 : still + 1;
    }
  }

  async function advance(target, frame) {
    kernel.frame = frame;
    observe(); // what the drawing of the last frame set off, such as an animation's `ready`, belongs to its time
    await runTimers(target);
    moveTo(target);
    for (const realm of live()) await realm.showMedia();
    for (const realm of live()) realm.applyContracts(target, frame);
    for (const realm of live()) realm.runAnimationFrames();
    await macrotask();
    await runTimers(target);
    for (const realm of live()) realm.runIdleCallbacks();
    await settle();
  }

  /** Lets what the frame has started come to rest: tasks, fonts, media, observers, the page's own promise. */
  async function settle() {
    await quiet();
    observe();
    for (const realm of live()) await realm.settle();
    await showFresh();
    await finishTransitions();
    if (kernel.needs.observers) {
      await nativeFrame("update");
      await quiet();
      observe();
    }
    if (kernel.needs.draw) await nativeFrame("draw");
    await runTimers(kernel.now);
    await drawVideos();
  }

  /**
   * Brings a loaded page to the state of frame 0. The clock stands at 0. Only while the page's own ready
   * promise is pending do later timers fire, in due order on a loading time that the page cannot see:
   * without that order a short poll would starve the longer timer that it waits for.
   */
  async function begin() {
    for (const realm of live()) realm.findOpenRoots();
    await quiet();
    await runTimers(0);
    observe();
    let loading = 0;
    while (live().some((realm) => realm.notReady())) {
      await new native.Promise((resolve) => native.setTimeout(resolve, 2));
      for (const realm of live()) {
        await realm.showMedia({ loaded: true });
        realm.runAnimationFrames();
      }
      const timer = queue.reduce((first, next) => (first && loadingDue(first) <= loadingDue(next) ? first : next), null);
      if (timer) {
        queue.splice(queue.indexOf(timer), 1);
        loading = Math.max(loading, loadingDue(timer));
        kernel.loading = loading;
        fire(timer);
      }
      await nativeFrame("update");
      await macrotask();
      observe();
    }
    kernel.loading = 0;
    await settle();
  }

  const loadingDue = (timer) => timer.due + timer.loading;

  return kernel;
}

const isWindow = typeof window === "object" && typeof document === "object";

function parentKernel() {
  if (!isWindow || window.parent === window) return null;
  try {
    return window.parent.__heliosClock || null;
  } catch {
    return null; // cross-origin: the driver moves this one along
  }
}

const inherited = parentKernel();
const kernel = inherited || createKernel();
/** A realm's own time starts where the page stood when it was made, as performance.now() of a frame or worker does. */
const birth = kernel.now;
const now = () => kernel.now - birth;

Object.defineProperty(globalThis, "__heliosClock", { value: kernel, configurable: true });
if (!inherited && globalThis.__heliosJoin && !(isWindow && window.parent === window)) globalThis.__heliosJoin("root");

/** Replaces a method or accessor in place, keeping its name and enumerability. */
function patch(target, name, replacement) {
  if (!target) return;
  const descriptor = Object.getOwnPropertyDescriptor(target, name);
  if (!descriptor) return;
  if (typeof replacement === "function") {
    Object.defineProperty(replacement, "name", { value: name });
    Object.defineProperty(target, name, { ...descriptor, value: replacement });
  } else {
    Object.defineProperty(target, name, { ...descriptor, ...replacement });
  }
}

/** Has a step follow each call of a method, or each setting of a property, of the page's: step(object, arguments, result). */
function after(target, name, step) {
  const { value: method, set } = (target && Object.getOwnPropertyDescriptor(target, name)) || {};
  if (typeof method === "function") {
    patch(target, name, function (...args) {
      const result = method.apply(this, args);
      step(this, args, result);
      return result;
    });
  } else if (set) {
    patch(target, name, {
      set(value) {
        set.call(this, value);
        step(this, [value]);
      },
    });
  }
}

const report = globalThis.reportError ? globalThis.reportError.bind(globalThis) : (error) => native.setTimeout(() => { throw error; });

/** Calls one of the page's callbacks; what it throws is reported as the page's uncaught error. */
function callPage(callback, thisArgument, args) {
  try {
    return callback.apply(thisArgument, args);
  } catch (error) {
    report(error);
  }
}

const realm = {
  alive: () => !isWindow || document.defaultView === window,
  moveTo() {},
  observe() {},
  nextBoundary: () => Infinity,
  animationsPend: () => false,
  runAnimationFrames() {},
  runIdleCallbacks() {},
  applyContracts() {},
  notReady: () => false,
  beganLoading: () => false,
  pending: () => [],
  async showMedia() {},
  handOverPictures: () => false,
  findOpenRoots() {},
  endMedia() {},
  async settle() {},
};
kernel.join(realm);
