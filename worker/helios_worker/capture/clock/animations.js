// CSS animations and transitions, the Web Animations API and SMIL: each is set to its place on the virtual time.
//
// The driver freezes document.timeline (CDP Animation.setPlaybackRate 0), so no animation moves on its own. The clock
// sets the currentTime of each running animation to the exact virtual time. It does so while the animation runs: in a
// paused one, `finished` and the events would not come as they should.
//
// Each value is computed from an anchor and never by adding steps, so that a jump and a walk give the same bits. A
// script that changes an animation re-anchors it at that moment. The events of animations are left to needs.js.

if (isWindow) {
  /**
   * @typedef {object} Anchor
   * @property {number} at virtual time in milliseconds
   * @property {number} value the animation's currentTime at that moment
   * @property {number} rate
   * @property {number | null} last its currentTime as set last
   */

  /** @type {Map<Animation, Anchor>} */
  const anchors = new Map();
  /** @type {Set<ShadowRoot>} */
  const closedRoots = new Set();
  /** @type {Map<SVGSVGElement, number>} each has a timeline, nested ones too; the virtual time at which it was found */
  const svgs = new Map();
  /** @type {Set<Animation>} of elements in no document, or played by a script: getAnimations() may not list them */
  const detached = new Set();

  const proto = Animation.prototype;
  const currentTime = accessor(proto, "currentTime");
  const startTime = accessor(proto, "startTime");
  const timelineTime = accessor(AnimationTimeline.prototype, "currentTime");
  const getAnimations = Document.prototype.getAnimations;
  const rootAnimations = ShadowRoot.prototype.getAnimations;

  /** @param {Animation} animation @returns {number | null} */
  const getTime = (animation) => currentTime.get.call(animation);
  /** @param {Animation} animation */
  const ours = (animation) => animation.timeline === document.timeline;
  /** @param {Animation} animation */
  const runs = (animation) => ours(animation) && animation.playState === "running";

  function* everyAnimation() {
    yield* getAnimations.call(document);
    for (const root of closedRoots) yield* rootAnimations.call(root);
    yield* detached;
  }

  /** @param {Animation} animation */
  function anchorHere(animation) {
    const value = getTime(animation);
    anchors.set(animation, { at: kernel.now, value: value ?? 0, rate: animation.playbackRate, last: value });
  }

  /** Anchors the animations that started, and those that a script has moved, at the present moment. */
  realm.observe = () => {
    if (!realm.alive()) return;
    for (const animation of everyAnimation()) {
      if (!runs(animation)) {
        anchors.delete(animation);
        continue;
      }
      const known = anchors.get(animation);
      const value = getTime(animation);
      if (!known) kernel.fresh += 1;
      if (!known || known.rate !== animation.playbackRate || Math.abs((value || 0) - (known.last || 0)) > 1e-6) {
        anchorHere(animation);
      }
    }
    for (const animation of anchors.keys()) {
      if (animation.playState !== "running") {
        anchors.delete(animation);
        detached.delete(animation);
      }
    }
    for (const svg of document.getElementsByTagName("svg")) {
      if (svgs.has(svg) || !svg.querySelector("animate,animateTransform,animateMotion,set")) continue;
      svg.pauseAnimations();
      svgs.set(svg, kernel.now);
    }
  };

  realm.moveTo = (time) => {
    for (const [animation, known] of anchors) {
      if (animation.playState !== "running") continue;
      known.last = known.value + (time - known.at) * known.rate;
      currentTime.set.call(animation, known.last);
      known.last = getTime(animation);
    }
    for (const [svg, since] of svgs) {
      if (svg.isConnected) svg.setCurrentTime((time - since) / 1000);
      else svgs.delete(svg);
    }
  };

  /**
   * When the next animation starts, repeats or ends. A page that listens to those events needs a frame there. media.js
   * adds the ends of media elements.
   */
  realm.nextBoundary = () => {
    let next = Infinity;
    for (const [animation, known] of anchors) {
      if (animation.playState !== "running" || !animation.effect || known.rate <= 0) continue;
      const { delay, duration, iterations, endTime } = /** @type {Record<string, number>} */ (
        animation.effect.getComputedTiming()
      );
      const last = known.last ?? 0;
      const points = [delay, endTime];
      if (kernel.needs.iterations && duration > 0) {
        const done = Math.floor((last - delay) / duration + 1e-9) + 1;
        if (done > 0 && done < iterations) points.push(delay + done * duration);
      }
      for (const point of points) {
        if (!Number.isFinite(point) || point <= last + 1e-6) continue;
        next = Math.min(next, known.at + (point - known.value) / known.rate);
      }
    }
    return next;
  };

  realm.animationsPend = () => [...anchors.keys()].some((animation) => animation.pending);

  patch(AnimationTimeline.prototype, "currentTime", {
    get() {
      return this === document.timeline ? now() : timelineTime.get.call(this);
    },
  });
  patch(proto, "startTime", {
    get() {
      const value = startTime.get.call(this);
      return value === null || !ours(this) ? value : now() - (getTime(this) ?? 0) / this.playbackRate;
    },
    set(value) {
      const shift = ours(this) && value !== null ? timelineTime.get.call(document.timeline) - now() : 0;
      startTime.set.call(this, value === null ? null : value + shift);
    },
  });
  // The browser adopts a new rate at a frame of its own; the clock has to know the moment.
  patch(proto, "updatePlaybackRate", function (rate) {
    this.playbackRate = rate;
  });
  after(proto, "play", (animation) => detached.add(animation));
  patch(proto, "reverse", function () {
    this.playbackRate = -this.playbackRate;
    this.play();
  });
  after(Element.prototype, "animate", (element, _args, animation) => {
    if (!element.isConnected) detached.add(animation);
  });

  /**
   * Remembers a shadow root: document.getAnimations() leaves closed ones out, and no query enters any.
   * @param {ShadowRoot} root
   */
  function addShadowRoot(root) {
    if (root.mode === "closed") closedRoots.add(root);
    realm.watchMedia(root);
  }
  after(Element.prototype, "attachShadow", (_host, _args, root) => addShadowRoot(root));
  // For the driver, which finds the closed roots that were written in the markup (closed_roots.py).
  Object.defineProperty(window, "__heliosClosedRoot", { value: addShadowRoot });
}
