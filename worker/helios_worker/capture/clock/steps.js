// The steps by which the driver moves time on: begin() once, advance() for each frame, settle() whenever something may
// have arrived, and walk() for the kernels of workers and foreign frames.
//
// Virtual time moves only in moveTo(). A step stops in the middle, in driver.ask(), for what only the driver can do: a
// frame of the browser's own (for an animation that ends with a listener, or a view transition), for files that a timer
// began to load, and for the other kernels, which move along. What the steps do to one realm is its own part: realm.js
// lists these hooks.

/**
 * @param {KernelState} kernel
 * @param {TimerQueue} queue
 * @param {Driver} driver
 */
function createSteps(kernel, queue, driver) {
  const { ask, nativeFrame } = driver;
  const live = () => liveRealms(kernel);

  /** @param {number} time */
  function moveTo(time) {
    kernel.now = time;
    for (const realm of live()) realm.moveTo(time);
  }

  function observe() {
    for (const realm of live()) realm.observe();
  }

  /** Shows new animations to the browser, which sends an animation's events only if the frame before has seen it. */
  async function showFresh() {
    // A pending animation takes two frames: the first makes it ready, the second is the first to see it.
    for (let frames = 0; frames < 2 && kernel.needs.events && (kernel.fresh > 0 || frames > 0); frames += 1) {
      const pending = live().some((realm) => realm.animationsPend());
      await nativeFrame("update");
      await macrotask();
      observe();
      if (!pending) return;
    }
  }

  /** Keeps time still until everything that a script has begun to load has arrived and been processed. */
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

  /** @param {Timer} timer taken out of the queue */
  function fire(timer) {
    kernel.timersFired += 1;
    kernel.nesting = timer.nesting + 1;
    timer.run();
    kernel.nesting = 0;
    if (timer.interval !== undefined && !timer.cancelled) {
      timer.nesting += 1;
      timer.due += atLeastFour(timer.interval, timer.nesting);
      queue.add(timer);
    }
  }

  /** When the next event of an animation or a media element is due, if the page listens to any. */
  const nextBoundary = () =>
    kernel.needs.events ? Math.min(Infinity, ...live().map((realm) => realm.nextBoundary())) : Infinity;

  /**
   * Fires everything that is due by `until`, in order. The clock shows each timer its own time.
   * @param {number} until
   */
  async function runTimers(until) {
    for (;;) {
      const timer = queue.first();
      const timerDue = timer ? timer.due : Infinity;
      const boundary = nextBoundary();
      const due = Math.min(timerDue, boundary);
      if (kernel.others && Math.min(due, until) > kernel.now) {
        // What a worker does by then comes first, and the page is there when its message arrives.
        const goal = Math.min(due, until);
        const reached = await walkTogether(goal);
        if (reached < goal || (queue.first()?.due ?? Infinity) < due) continue;
      }
      if (!(due <= until)) return;
      if (due > kernel.now) moveTo(due);
      if (!timer || boundary <= timerDue) {
        for (const realm of live()) realm.endMedia();
        await nativeFrame("update");
      } else {
        queue.take(timer);
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
   * Moves this kernel and the others to `goal`, from one due time of the others to the next. This one moves first, so
   * that it is there when their messages arrive. Stops early where a message sets off something here.
   * @param {number} goal
   * @returns {Promise<number>} the time reached
   */
  async function walkTogether(goal) {
    for (let reached = await ask("others", { until: goal }); ; ) {
      moveTo(reached);
      const before = kernel.posted + queue.added();
      const next = await ask("walk", { until: reached });
      await quiet();
      observe();
      await rest();
      if (reached >= goal || kernel.posted + queue.added() !== before) return reached;
      reached = next === null ? goal : Math.min(goal, next);
    }
  }

  /** @param {number} target */
  async function walk(target) {
    await quiet();
    await runTimers(target);
    if (target > kernel.now) moveTo(target);
  }

  /** Draws until view transitions have taken their pictures, all at the same virtual time. */
  async function finishTransitions() {
    for (let round = 0; round < 20 && kernel.transitions > 0; round += 1) {
      await nativeFrame("draw");
      await macrotask();
      observe();
    }
  }

  /** Draws a page with videos until two drawings in a row change nothing: pictures.js says why. */
  async function drawVideos() {
    let still = 0;
    for (let round = 0; still < 2 && round < 20; round += 1) {
      const videos = live().map((realm) => realm.handOverPictures());
      if (!videos.includes(true)) return;
      still = (await nativeFrame("draw")) ? 0 : still + 1;
    }
  }

  /**
   * @param {number} target the frame's time
   * @param {number} frame
   */
  async function advance(target, frame) {
    kernel.frame = frame;
    observe(); // what drawing the last frame set off, such as an animation's `ready`, belongs to that frame's time
    await runTimers(target);
    moveTo(target);
    for (const realm of live()) await realm.showMedia();
    for (const realm of live()) realm.applyContracts(target);
    for (const realm of live()) realm.runAnimationFrames();
    await macrotask();
    await runTimers(target);
    for (const realm of live()) realm.runIdleCallbacks();
    await settle();
  }

  /** Waits for what the frame has started: tasks, fonts, media, observers, the page's own promise. */
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

  /** @param {Timer} timer */
  const loadingDue = (timer) => timer.due + timer.loading;

  /** The timer that is due next on the loading time. */
  const firstWhileLoading = () =>
    queue.timers.reduce(
      (first, next) => (first && loadingDue(first) <= loadingDue(next) ? first : next),
      /** @type {Timer | null} */ (null),
    );

  /**
   * Brings a loaded page to the state of frame 0, with the clock at 0.
   *
   * Later timers fire only while the page's own ready promise is pending. They fire in the order in which they are due
   * on a loading time that the page cannot see: without it, a short poll would starve the longer timer it waits for.
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
      const timer = firstWhileLoading();
      if (timer) {
        queue.take(timer);
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

  return { begin, advance, settle, walk };
}
