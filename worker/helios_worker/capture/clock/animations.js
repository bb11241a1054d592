// CSS animations and transitions, the Web Animations API and SMIL: each is set to its place on the virtual time.
//
// The driver freezes document.timeline (CDP Animation.setPlaybackRate 0), so no animation moves on its own. The clock
// sets the currentTime of each running animation to the exact virtual time. It does so while the animation runs: in a
// paused one, `finished` and the events would not come as they should.
//
// Each value is computed from an anchor and never by adding steps, so that a jump and a walk give the same bits. A
// script that changes an animation re-anchors it at that moment. The events of animations are left to needs.js.

if (isWindow) {
  const SVG = "http://www.w3.org/2000/svg";

  /**
   * @typedef {object} Anchor
   * @property {null} [__proto__]
   * @property {number} at virtual time in milliseconds
   * @property {number} value the animation's currentTime at that moment
   * @property {number} rate
   * @property {number | null} last its currentTime as set last
   */

  /** @type {SafeMap<Animation, Anchor>} */
  const anchors = new SafeMap();
  /** @type {SafeSet<ShadowRoot>} */
  const closedRoots = new SafeSet();
  /** @type {SafeMap<SVGSVGElement, number>} each has a timeline, also nested ones; the time at which it was found */
  const svgs = new SafeMap();
  /** @type {SafeSet<Animation>} of elements in no document, or played by a script: getAnimations() may not list them */
  const detached = new SafeSet();

  const proto = Animation.prototype;
  /** @type {(animation: Animation) => number | null} */
  const getTime = /** @type {any} */ (getterOf(proto, "currentTime"));
  const setTime = setterOf(proto, "currentTime");
  const startOf = getterOf(proto, "startTime");
  const setStart = setterOf(proto, "startTime");
  const timelineOf = getterOf(proto, "timeline");
  const playStateOf = getterOf(proto, "playState");
  const rateOf = getterOf(proto, "playbackRate");
  const setRate = setterOf(proto, "playbackRate");
  const effectOf = getterOf(proto, "effect");
  const isPending = getterOf(proto, "pending");
  const play = methodOf(proto, "play");
  const computedTiming = methodOf(AnimationEffect.prototype, "getComputedTiming");
  const timelineTime = getterOf(AnimationTimeline.prototype, "currentTime");
  const pageTimeline = getterOf(Document.prototype, "timeline");
  const pageAnimations = methodOf(Document.prototype, "getAnimations");
  const rootAnimations = methodOf(ShadowRoot.prototype, "getAnimations");
  const modeOf = getterOf(ShadowRoot.prototype, "mode");
  const isConnected = getterOf(Node.prototype, "isConnected");
  const elementsNamed = methodOf(Document.prototype, "getElementsByTagNameNS");
  const elementCount = getterOf(HTMLCollection.prototype, "length");
  const firstIn = methodOf(Element.prototype, "querySelector");
  const pauseSvg = methodOf(SVGSVGElement.prototype, "pauseAnimations");
  const setSvgTime = methodOf(SVGSVGElement.prototype, "setCurrentTime");

  /** @param {Animation} animation */
  const ours = (animation) => timelineOf(animation) === pageTimeline(document);
  /** @param {Animation} animation */
  const isRunning = (animation) => playStateOf(animation) === "running";

  /** @param {Animation} animation */
  function anchorHere(animation) {
    const value = getTime(animation);
    const rate = rateOf(animation);
    anchors.set(animation, { __proto__: null, at: kernel.now, value: value ?? 0, rate, last: value });
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

  /** Anchors the animations that started, and those that a script has moved, at the present moment. */
  realm.observe = () => {
    if (!realm.alive()) return;
    lookAtAll(pageAnimations(document));
    closedRoots.forEach((root) => lookAtAll(rootAnimations(root)));
    detached.forEach(look);
    anchors.forEach((_known, animation) => {
      if (isRunning(animation)) return;
      anchors.delete(animation);
      detached.delete(animation);
    });
    const drawings = /** @type {HTMLCollectionOf<SVGSVGElement>} */ (elementsNamed(document, SVG, "svg"));
    for (let index = 0; index < elementCount(drawings); index += 1) {
      const svg = drawings[index];
      if (svgs.has(svg) || !firstIn(svg, "animate,animateTransform,animateMotion,set")) continue;
      pauseSvg(svg);
      svgs.set(svg, kernel.now);
    }
  };

  realm.moveTo = (time) => {
    anchors.forEach((known, animation) => {
      if (!isRunning(animation)) return;
      known.last = known.value + (time - known.at) * known.rate;
      setTime(animation, known.last);
      known.last = getTime(animation);
    });
    svgs.forEach((since, svg) => {
      if (isConnected(svg)) setSvgTime(svg, (time - since) / 1000);
      else svgs.delete(svg);
    });
  };

  /**
   * When the next animation starts, repeats or ends. A page that listens to those events needs a frame there. media.js
   * adds the ends of media elements.
   */
  realm.nextBoundary = () => {
    let next = Infinity;
    anchors.forEach((known, animation) => {
      const effect = effectOf(animation);
      if (!isRunning(animation) || !effect || known.rate <= 0) return;
      const { delay, duration, iterations, endTime } = /** @type {Record<string, number>} */ (computedTiming(effect));
      const last = known.last ?? 0;
      /** @param {number} point */
      const consider = (point) => {
        if (!NumberIsFinite(point) || point <= last + 1e-6) return;
        next = min(next, known.at + (point - known.value) / known.rate);
      };
      consider(delay);
      consider(endTime);
      if (kernel.needs.iterations && duration > 0) {
        const done = floor((last - delay) / duration + 1e-9) + 1;
        if (done > 0 && done < iterations) consider(delay + done * duration);
      }
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

  /** @type {SafeWeakMap<AnimationTimeline, number>} where the timelines begin that the page has made */
  const origins = new SafeWeakMap();
  replaceClass("DocumentTimeline", (args, make) => {
    const timeline = make(args);
    origins.set(timeline, NativeNumber((args.length > 0 && args[0]?.originTime) || 0));
    return timeline;
  });
  patch(AnimationTimeline.prototype, "currentTime", {
    __proto__: null,
    get() {
      const self = /** @type {AnimationTimeline} */ (this);
      const origin = origins.get(self);
      return self === pageTimeline(document) ? now() : origin === undefined ? timelineTime(self) : now() - origin;
    },
  });
  patch(proto, "startTime", {
    __proto__: null,
    get() {
      const value = startOf(this);
      return value === null || !ours(this) ? value : now() - (getTime(this) ?? 0) / rateOf(this);
    },
    set(value) {
      const frozen = /** @type {number} */ (timelineTime(pageTimeline(document)));
      const shift = ours(this) && value !== null ? frozen - now() : 0;
      setStart(this, value === null ? null : value + shift);
    },
  });
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
  patch(proto, "reverse", function () {
    setRate(this, -rateOf(this));
    playAgain(this);
  });
  after(Element.prototype, "animate", (element, _args, animation) => {
    if (!isConnected(element)) detached.add(animation);
  });

  /**
   * Remembers a shadow root: document.getAnimations() leaves closed ones out, and no query enters any.
   * @param {ShadowRoot} root
   */
  function addShadowRoot(root) {
    if (modeOf(root) === "closed") closedRoots.add(root);
    realm.watchMedia(root);
    realm.watchImages(root);
  }
  after(Element.prototype, "attachShadow", (_host, _args, root) => addShadowRoot(root));
  // For the driver, which finds the closed roots that were written in the markup (closed_roots.py).
  realm.addShadowRoot = addShadowRoot;
}
