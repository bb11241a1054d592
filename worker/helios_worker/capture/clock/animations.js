// CSS animations and transitions, and the Web Animations API: each is set to its place on the virtual time.
//
// The driver freezes document.timeline (CDP Animation.setPlaybackRate 0), so no animation moves on its own. The clock
// sets the currentTime of each running animation to the exact virtual time. It does so while the animation runs: in a
// paused one, `finished` and the events would not come as they should.
//
// Each value is computed from an anchor and never by adding steps, so that a jump and a walk give the same bits. A
// script that changes an animation re-anchors it at that moment. The events of animations are left to needs.js.

if (isWindow) {
  const { timelines } = kernel;

  /**
   * @typedef {object} Anchor
   * @property {null} [__proto__]
   * @property {number} at virtual time in milliseconds
   * @property {number} value the animation's currentTime at that moment
   * @property {number} rate
   * @property {number | null} last its currentTime as set last
   * @property {number} due virtual time of its next event, Infinity where none is known
   * @property {number} point its currentTime at that event
   */

  /** @type {SafeMap<Animation, Anchor>} */
  const anchors = new SafeMap();
  /** @type {SafeSet<ShadowRoot>} with those of the browser's own elements, such as <marquee> */
  const shadowRoots = new SafeSet();
  /** @type {SafeWeakMap<Element, ShadowRoot>} the closed root of an element */
  const closedInside = new SafeWeakMap();
  realm.closedRootOf = (host) => closedInside.get(host);
  /** @type {SafeSet<Animation>} of elements in no document, or played by a script: getAnimations() may not list them */
  const detached = new SafeSet();

  const proto = Animation.prototype;
  /** @type {(animation: Animation) => number | null} */
  const getTime = /** @type {any} */ (getterOf(proto, "currentTime"));
  const setTime = setterOf(proto, "currentTime");
  const timelineOf = getterOf(proto, "timeline");
  const playStateOf = getterOf(proto, "playState");
  const rateOf = getterOf(proto, "playbackRate");
  const setRate = setterOf(proto, "playbackRate");
  const effectOf = getterOf(proto, "effect");
  const pseudoOf = /** @type {(effect: any) => string | null} */ (getterOf(KeyframeEffect.prototype, "pseudoElement"));
  const isPending = getterOf(proto, "pending");
  const play = methodOf(proto, "play");
  const computedTiming = methodOf(AnimationEffect.prototype, "getComputedTiming");
  const pageTimeline = getterOf(Document.prototype, "timeline");
  const pageAnimations = methodOf(Document.prototype, "getAnimations");
  const rootAnimations = methodOf(ShadowRoot.prototype, "getAnimations");
  const modeOf = getterOf(ShadowRoot.prototype, "mode");
  const hostOf = getterOf(ShadowRoot.prototype, "host");
  const isClonable = getterOf(ShadowRoot.prototype, "clonable");
  const isConnected = getterOf(Node.prototype, "isConnected");

  /** @param {Animation} animation */
  const ours = (animation) => {
    const timeline = timelineOf(animation);
    return timeline !== null && timelines.has(timeline);
  };
  /** @param {Animation} animation */
  const isRunning = (animation) => playStateOf(animation) === "running";

  /** @param {Animation} animation */
  function anchorHere(animation) {
    const value = getTime(animation);
    const rate = rateOf(animation);
    const at = kernel.now;
    anchors.set(animation, { __proto__: null, at, value: value ?? 0, rate, last: value, due: Infinity, point: 0 });
  }

  /** @param {Animation} animation */
  function look(animation) {
    if (!isRunning(animation) || !ours(animation)) {
      anchors.delete(animation);
      return;
    }
    const known = anchors.get(animation);
    const value = getTime(animation);
    if (!known) kernel.fresh += 1;
    if (!known || known.rate !== rateOf(animation) || abs((value || 0) - (known.last || 0)) > 1e-6) {
      anchorHere(animation);
    }
  }

  /** @param {Animation[]} animations */
  function lookAtAll(animations) {
    for (let index = 0; index < animations.length; index += 1) look(animations[index]);
  }

  realm.observeRoots = () => {
    if (realm.alive()) shadowRoots.forEach((root) => lookAtAll(rootAnimations(root)));
  };

  /** Anchors the animations that started, and those that a script has moved, at the present moment. */
  realm.observe = () => {
    if (!realm.alive()) return;
    timelines.add(pageTimeline(document));
    lookAtAll(pageAnimations(document));
    // An event needs a frame at once; otherwise it is enough to ask the roots before time moves on (moveTo).
    if (kernel.needs.events) realm.observeRoots();
    detached.forEach(look);
    anchors.forEach((_known, animation) => {
      if (isRunning(animation)) return;
      anchors.delete(animation);
      detached.delete(animation);
      // The events of one that was cancelled come with a frame. A <marquee> goes on in a frame after its last round.
      if (playStateOf(animation) !== "finished" || kernel.needs.rounds) kernel.fresh += 1;
    });
  };

  realm.moveTo = (time) => {
    anchors.forEach((known, animation) => {
      if (!isRunning(animation)) return;
      known.last = time === known.due ? known.point : known.value + (time - known.at) * known.rate;
      setTime(animation, known.last);
      known.last = getTime(animation);
    });
  };

  /**
   * When the next animation starts, repeats or ends. A page that listens to those events needs a frame there. media.js
   * adds the ends of media elements.
   */
  realm.nextBoundary = () => {
    let next = Infinity;
    anchors.forEach((known, animation) => {
      known.due = Infinity;
      const effect = effectOf(animation);
      if (!isRunning(animation) || !effect || known.rate === 0) return;
      const timing = /** @type {Record<string, number>} */ (computedTiming(effect));
      const { delay, duration, iterations, activeDuration, endTime } = timing;
      const last = known.last ?? 0;
      const ahead = known.rate > 0 ? 1 : -1;
      /** @param {number} point */
      const consider = (point) => {
        if (!NumberIsFinite(point) || (point - last) * ahead <= 1e-6) return;
        const due = known.at + (point - known.value) / known.rate;
        if (due >= known.due) return;
        known.due = due;
        known.point = point;
      };
      if (ahead < 0) consider(0);
      consider(delay);
      consider(delay + activeDuration);
      consider(endTime);
      if (kernel.needs.iterations && duration > 0) {
        // The event of shorter rounds comes once a millisecond: a browser sends it once a frame.
        const rounds = max(1, floor(1 / duration));
        const done = floor((ahead * (last - delay)) / duration + 1e-9) * ahead + ahead * rounds;
        // Backwards, an iteration begins just after its end.
        if (done > 0 && done < iterations) consider(delay + done * duration - (ahead < 0 ? 0.001 : 0));
      }
      next = min(next, known.due);
    });
    return next;
  };

  realm.animationsPend = () => {
    let any = false;
    anchors.forEach((_known, animation) => {
      any ||= isPending(animation);
    });
    return any;
  };

  /** @param {Animation} animation */
  const playAgain = (animation) => {
    play(animation);
    detached.add(animation);
  };
  // The browser adopts a new rate at a frame of its own; the clock has to know the moment.
  patch(proto, "updatePlaybackRate", function (rate) {
    setRate(this, rate);
  });
  patch(proto, "play", function () {
    playAgain(this);
  });
  const turn = methodOf(proto, "reverse");
  patch(proto, "reverse", function () {
    const rate = rateOf(this);
    if (timelineOf(this) === null) turn(this); // which throws
    setRate(this, -rate);
    try {
      playAgain(this);
    } catch (error) {
      setRate(this, rate);
      throw error;
    }
  });
  // What they set off comes with a frame.
  const needFrame = () => {
    kernel.fresh += 1;
  };
  after(proto, "finish", needFrame);
  after(proto, "cancel", needFrame);
  after(proto, "pause", needFrame);
  after(proto, "currentTime", needFrame);

  after(Element.prototype, "animate", (element, _args, animation) => {
    // A pseudo-element may be within the browser's own part of an element.
    if (!isConnected(element) || pseudoOf(effectOf(animation)) !== null) detached.add(animation);
  });

  /** @type {SafeWeakSet<Animation>} */
  const hidden = new SafeWeakSet();
  let hides = false;
  realm.hideAnimation = (animation) => {
    if (!hides) hideFromLists();
    hides = true;
    hidden.add(animation);
  };
  /** Leaves the clock's own animations out of the lists that the page gets. */
  function hideFromLists() {
    /** @param {object} owner */
    const leaveOut = (owner) =>
      after(owner, "getAnimations", (_target, _args, animations) => {
        let kept = 0;
        for (let index = 0; index < animations.length; index += 1) {
          const animation = animations[index];
          if (!hidden.has(animation)) animations[(kept += 1) - 1] = animation;
        }
        animations.length = kept;
      });
    leaveOut(Document.prototype);
    leaveOut(ShadowRoot.prototype);
    leaveOut(Element.prototype);
  }

  /**
   * Remembers a shadow root: document.getAnimations() leaves out what is in any, and no query enters one.
   * @param {ShadowRoot} root
   */
  function addShadowRoot(root) {
    if (shadowRoots.has(root)) return;
    shadowRoots.add(root);
    if (modeOf(root) === "closed") {
      closedInside.set(hostOf(root), root);
      if (isClonable(root)) realm.copiesRoots();
    }
    realm.watchMedia(root);
    realm.watchImages(root);
    realm.watchScrolls(root);
  }
  after(Element.prototype, "attachShadow", (_host, _args, root) => addShadowRoot(root));
  // For the driver (closed_roots.py), which finds the closed roots that were written in the markup, and those of the
  // browser's own elements, which must not be asked for their mode.
  realm.addShadowRoot = (root, isOfElement) => {
    if (isOfElement) shadowRoots.add(root);
    else addShadowRoot(root);
  };
}
