// CSS animations and transitions, WAAPI, SMIL and view transitions.
//
// The driver freezes document.timeline (CDP Animation.setPlaybackRate 0), so nothing moves by itself: each
// running animation gets its currentTime set, exactly, from the virtual time. Setting it while it runs lets
// `finished` and its events come as they should; pausing it first would not.
//
// A value is computed from an anchor, never by adding steps, so that a jump and a walk give the same bits. Who
// changes an animation from a script re-anchors it at that moment.

if (isWindow) {
  const anchors = new Map(); // Animation -> {at, value, rate, last}
  const closedRoots = new Set();
  const svgs = new Map(); // svg element, nested ones too: each has a timeline -> virtual time at which it came
  const proto = Animation.prototype;
  const currentTime = Object.getOwnPropertyDescriptor(proto, "currentTime");
  const startTime = Object.getOwnPropertyDescriptor(proto, "startTime");
  const timelineTime = Object.getOwnPropertyDescriptor(AnimationTimeline.prototype, "currentTime").get;
  const getAnimations = Document.prototype.getAnimations;
  const rootAnimations = ShadowRoot.prototype.getAnimations;
  const getTime = (animation) => currentTime.get.call(animation);
  const detached = new Set();

  const ours = (animation) => animation.timeline === document.timeline;
  const runs = (animation) => ours(animation) && animation.playState === "running";

  function* everyAnimation() {
    yield* getAnimations.call(document);
    for (const root of closedRoots) yield* rootAnimations.call(root);
    yield* detached;
  }

  function anchor(animation, at) {
    const value = getTime(animation);
    anchors.set(animation, { at, value: value === null ? 0 : value, rate: animation.playbackRate, last: value });
  }

  /** Takes note of animations that started, and of those that a script has moved, at the present moment. */
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
        anchor(animation, kernel.now);
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

  /** When the next animation starts, repeats or ends (or a sound or video, see media.js), for a page that listens: those events need a frame there. */
  realm.nextBoundary = () => {
    let next = Infinity;
    for (const [animation, known] of anchors) {
      if (animation.playState !== "running" || !animation.effect || known.rate <= 0) continue;
      const timing = animation.effect.getComputedTiming();
      const points = [timing.delay, timing.endTime];
      if (kernel.needs.iterations && timing.duration > 0) {
        const done = Math.floor((known.last - timing.delay) / timing.duration + 1e-9) + 1;
        if (done > 0 && done < timing.iterations) points.push(timing.delay + done * timing.duration);
      }
      for (const point of points) {
        if (Number.isFinite(point) && point > known.last + 1e-6) next = Math.min(next, known.at + (point - known.value) / known.rate);
      }
    }
    return next;
  };

  realm.animationsPend = () => [...anchors.keys()].some((animation) => animation.pending);

  patch(AnimationTimeline.prototype, "currentTime", {
    get() {
      return this === document.timeline ? now() : timelineTime.call(this);
    },
  });
  patch(proto, "startTime", {
    get() {
      const value = startTime.get.call(this);
      return value === null || !ours(this) ? value : now() - getTime(this) / this.playbackRate;
    },
    set(value) {
      const shift = ours(this) && value !== null ? timelineTime.call(document.timeline) - now() : 0;
      startTime.set.call(this, value === null ? null : value + shift);
    },
  });
  // Both are kept in a frame of the browser's, `ready` in the first that sees the animation.
  for (const promise of ["ready", "finished"]) {
    const { get } = Object.getOwnPropertyDescriptor(proto, promise);
    patch(proto, promise, {
      get() {
        kernel.needs.events = true;
        return get.call(this);
      },
    });
  }
  patch(proto, "onfinish", {
    set: ((set) =>
      function (listener) {
        kernel.needs.events = true;
        set.call(this, listener);
      })(Object.getOwnPropertyDescriptor(proto, "onfinish").set),
  });
  // The platform takes a new rate over at a frame of its own; ours is known to the moment.
  patch(proto, "updatePlaybackRate", function (rate) {
    this.playbackRate = rate;
  });
  const { play } = proto;
  patch(proto, "play", function () {
    play.call(this);
    detached.add(this);
  });
  patch(proto, "reverse", function () {
    this.playbackRate = -this.playbackRate;
    this.play();
  });
  patch(
    Element.prototype,
    "animate",
    ((animate) =>
      function (...args) {
        const animation = animate.apply(this, args);
        if (!this.isConnected) detached.add(animation);
        return animation;
      })(Element.prototype.animate),
  );

  // Events of animations arrive in a frame of the browser's: a page that listens gets one at the exact time.
  const eventful = /^(transition|animation)(start|run|end|cancel)$|^(finish|ended)$/;
  patch(
    EventTarget.prototype,
    "addEventListener",
    ((addEventListener) =>
      function (type, ...rest) {
        if (eventful.test(type)) kernel.needs.events = true;
        if (type === "animationiteration") kernel.needs.events = kernel.needs.iterations = true;
        return addEventListener.call(this, type, ...rest);
      })(EventTarget.prototype.addEventListener),
  );
  for (const owner of [HTMLElement.prototype, SVGElement.prototype, Document.prototype, Window.prototype, window]) {
    for (const type of ["ontransitionend", "onanimationend", "onanimationstart", "ontransitionstart", "ontransitionrun", "onanimationiteration", "onended"]) {
      const descriptor = Object.getOwnPropertyDescriptor(owner, type);
      if (!descriptor || !descriptor.set) continue;
      patch(owner, type, {
        set(listener) {
          kernel.needs.events = true;
          if (type === "onanimationiteration") kernel.needs.iterations = true;
          descriptor.set.call(this, listener);
        },
      });
    }
  }

  // document.getAnimations() leaves closed shadow roots out, and no query goes into any.
  function addShadowRoot(root) {
    if (root.mode === "closed") closedRoots.add(root);
    realm.watchMedia(root);
  }
  after(Element.prototype, "attachShadow", (host, args, root) => addShadowRoot(root));
  /** For the driver, which finds closed roots written in the markup. */
  Object.defineProperty(window, "__heliosClosedRoot", { value: addShadowRoot });

  if (Document.prototype.startViewTransition) {
    patch(
      Document.prototype,
      "startViewTransition",
      ((start) =>
        function (...args) {
          const transition = start.apply(this, args);
          kernel.transitions += 1;
          kernel.needs.events = true;
          const done = () => (kernel.transitions -= 1);
          transition.ready.then(done, done);
          return transition;
        })(Document.prototype.startViewTransition),
    );
  }

  // Their callbacks come after the browser's own frame: one more is run before the capture.
  for (const name of ["IntersectionObserver", "ResizeObserver"]) {
    const Native = window[name];
    if (!Native) continue;
    window[name] = new Proxy(Native, {
      construct(target, args, newTarget) {
        kernel.needs.observers = true;
        return Reflect.construct(target, args, newTarget);
      },
    });
  }
  if (HTMLCanvasElement.prototype.transferControlToOffscreen) {
    patch(
      HTMLCanvasElement.prototype,
      "transferControlToOffscreen",
      ((transfer) =>
        function () {
          kernel.needs.draw = true;
          return transfer.call(this);
        })(HTMLCanvasElement.prototype.transferControlToOffscreen),
    );
  }
}
