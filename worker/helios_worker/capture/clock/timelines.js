// Timelines: document.timeline tells the virtual time, and so do those that a page makes (new DocumentTimeline()).

if (isWindow) {
  const proto = Animation.prototype;
  const currentTimeOf = /** @type {(animation: Animation) => number | null} */ (
    /** @type {any} */ (getterOf(proto, "currentTime"))
  );
  const startOf = getterOf(proto, "startTime");
  const setStart = setterOf(proto, "startTime");
  const timelineOf = getterOf(proto, "timeline");
  const setTimeline = setterOf(proto, "timeline");
  const rateOf = getterOf(proto, "playbackRate");
  const timelineTime = getterOf(AnimationTimeline.prototype, "currentTime");
  const pageTimeline = getterOf(Document.prototype, "timeline");
  /** @param {Animation} animation */
  const isOnPage = (animation) => timelineOf(animation) === pageTimeline(document);

  /** @type {SafeWeakMap<AnimationTimeline, number>} where the timelines begin that the page has made */
  const origins = new SafeWeakMap();
  /**
   * The timelines of the page's own on which animations are. Such a timeline would run in real time, so the browser has
   * the animations on the document's, which stands still.
   * @type {SafeWeakMap<Animation, AnimationTimeline>}
   */
  const placed = new SafeWeakMap();
  /** Whether something is a timeline of the page's own. @param {any} thing */
  const isOwn = (thing) => typeof thing === "object" && thing !== null && origins.has(thing);
  /** The time on the timeline that the page sees an animation on. @param {Animation} animation */
  const seenTime = (animation) => {
    const timeline = placed.get(animation);
    return now() - ((timeline && origins.get(timeline)) || 0);
  };
  replaceClass("DocumentTimeline", (args, make) => {
    const timeline = make(args);
    origins.set(timeline, NativeNumber((args.length > 0 && args[0]?.originTime) || 0));
    return timeline;
  });
  replaceClass("Animation", (args, make) => {
    const timeline = args.length > 1 ? args[1] : undefined;
    if (!isOwn(timeline)) return make(args);
    const animation = make(list(args[0], pageTimeline(document)));
    placed.set(animation, timeline);
    return animation;
  });
  patch(proto, "timeline", {
    __proto__: null,
    get() {
      return placed.get(this) || timelineOf(this);
    },
    set(value) {
      setTimeline(this, isOwn(value) ? pageTimeline(document) : value);
      if (isOwn(value)) placed.set(this, value);
      else placed.delete(this);
    },
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
      return value === null || !isOnPage(this) ? value : seenTime(this) - (currentTimeOf(this) ?? 0) / rateOf(this);
    },
    set(value) {
      const frozen = /** @type {number} */ (timelineTime(pageTimeline(document)));
      const shift = isOnPage(this) && value !== null ? frozen - seenTime(this) : 0;
      setStart(this, value === null ? null : value + shift);
    },
  });
  // The event of an animation tells the time of its timeline.
  const timeOfEvent = getterOf(AnimationPlaybackEvent.prototype, "timelineTime");
  const targetOf = getterOf(Event.prototype, "target");
  patch(AnimationPlaybackEvent.prototype, "timelineTime", {
    __proto__: null,
    get() {
      const time = timeOfEvent(this);
      const animation = /** @type {Animation | null} */ (targetOf(this));
      return time === null || !this.isTrusted || !animation || !isOnPage(animation) ? time : seenTime(animation);
    },
  });
  const animate = methodOf(Element.prototype, "animate");
  patch(Element.prototype, "animate", function (keyframes, options) {
    const timeline = options !== null && typeof options === "object" ? options.timeline : undefined;
    if (!isOwn(timeline)) return animate(this, keyframes, options);
    const animation = animate(this, keyframes, { __proto__: null, ...options, timeline: pageTimeline(document) });
    placed.set(animation, timeline);
    return animation;
  });
}
