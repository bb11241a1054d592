// The contract of HyperFrames' compositions: its registry of timelines, its adapters, its clips and their media.
//
// A composition registers paused timelines in window.__timelines and says by attributes when its elements are shown
// (clips.js). All of it is set from the frame's time alone, before the frame's animation frames run. What a page has of
// its own beside that runs by the clock, as on any page.

if (isWindow) {
  const clips = createClips(lengthOfComposition);
  const adapters = createAdapters(clips);
  const { visit, timeOf, mediaStart, mediaRate } = clips;
  const { layOut, setStyle, hideContents } = createLayout(clips);
  const soundPlace = createClipSounds(clips);

  const first = methodOf(Document.prototype, "querySelector");
  const all = methodOf(Document.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const closest = methodOf(Element.prototype, "closest");
  const rootElementOf = getterOf(Document.prototype, "documentElement");
  const parentOf = getterOf(Node.prototype, "parentElement");
  const nameOf = getterOf(Element.prototype, "localName");
  const animationsOf = methodOf(Document.prototype, "getAnimations");
  const effectOf = getterOf(Animation.prototype, "effect");
  const targetOf = getterOf(KeyframeEffect.prototype, "target");
  const timingOf = methodOf(AnimationEffect.prototype, "getComputedTiming");
  const playStateOf = getterOf(Animation.prototype, "playState");
  const isOfStyles = getterOf(CSSAnimation.prototype, "animationName");
  const animationTime = /** @type {(animation: Animation) => number | null} */ (
    /** @type {any} */ (getterOf(Animation.prototype, "currentTime"))
  );
  const setAnimationTime = setterOf(Animation.prototype, "currentTime");
  const ROOT = "[data-composition-id]";
  const { escape } = CSS;
  const JUST_BEGUN = 1e-5; // seconds
  const MOST_SECONDS = 1e6; // longer ones are those that repeat for ever

  /** @type {any} */
  const page = window;
  let isKnown = false;
  /**
   * The composition that is the film: the one that says so by data-root, or else the first. An <html> only names the one in
   * its body. One that comes after the film has begun is looked for only if a timeline has been registered: on a page
   * without any the search goes through all elements.
   */
  function root() {
    if (!isKnown && kernel.frame > 0 && !hasTimelines()) return null;
    const found = first(document, ROOT);
    if (!found) return null;
    isKnown = true;
    const said = first(document, `${ROOT}[data-root="true"]`);
    if (said) return said;
    const id = attributeOf(found, "data-composition-id") ?? "";
    return found === rootElementOf(document) ? (first(document, `body [data-composition-id="${escape(id)}"]`) ?? found) : found;
  }
  function hasTimelines() {
    const timelines = window.__timelines;
    return typeof timelines === "object" && timelines !== null && ObjectKeys(timelines).length > 0;
  }

  /** @param {string} name @param {unknown} value */
  const offer = (name, value) =>
    ReflectDefineProperty(window, name, { __proto__: null, value, writable: true, configurable: true });
  // Pages add to it as they load, without asking whether it is there. To a page that is no composition it is nothing.
  offer("__timelines", pageObject());
  // By these HyperShader knows that a film is rendered. It notes in seek() that two scenes are to be blended.
  const engine = pageObject();
  offer("__hf", ObjectAssign(engine, { __proto__: null, seek: ignore }));
  offer("__HF_VIRTUAL_TIME__", pageObject());
  offer("__HF_PAGE_SIDE_COMPOSITING__", true);

  /** Blends two scenes where HyperShader is to: it copies them, and draws the copies once the browser has painted them. */
  realm.blend = async () => {
    try {
      const prepare = methodIn(page, "__hf_page_composite_prepare");
      const finish = methodIn(page, "__hf_page_composite_resolve");
      page.__hf_page_composite_pending = false;
      if (!prepare || !finish) return;
      await own(settled(/** @type {any} */ (ReflectApply(prepare, page, []))));
      await own(kernel.nativeFrame("update")); // that one, unlike a drawing, is not answered before the page has had its part
      await own(kernel.nativeFrame("draw"));
      ReflectApply(finish, page, []);
    } catch (error) {
      report(error);
    }
  };

  // -- clips and media

  const pause = methodOf(HTMLMediaElement.prototype, "pause");
  const isPaused = getterOf(HTMLMediaElement.prototype, "paused");
  const mediaTime = getterOf(HTMLMediaElement.prototype, "currentTime");
  const setMediaTime = setterOf(HTMLMediaElement.prototype, "currentTime");

  /**
   * @param {HTMLMediaElement} element
   * @param {ClipTime} time
   * @param {number} seconds
   */
  function place(element, time, seconds) {
    if (!isPaused(element)) pause(element);
    realm.placeSound(element, soundPlace(element, time, seconds));
    if (!time.shown || HEARD_SECONDS !== undefined) return;
    const position = mediaStart(element) + (seconds - time.start) * mediaRate(element);
    if (abs(mediaTime(element) - position) > 1e-6) setMediaTime(element, position);
  }

  /** @param {Element} outermost @param {number} seconds */
  function showClips(outermost, seconds) {
    visit(outermost, seconds, (clip, time) => {
      setStyle(clip, "visibility", time.shown ? "visible" : "hidden");
      hideContents(clip, !time.shown);
      const name = nameOf(clip);
      if (name === "video" || name === "audio") place(/** @type {HTMLMediaElement} */ (clip), time, seconds);
      else if (parentOf(clip) === outermost) setStyle(clip, "position", "absolute");
    });
  }

  // -- adapters

  /**
   * Visits the page's timelines.
   * @param {(timeline: any, begin: number) => void} step begin: of the composition that it is of, in seconds
   */
  function eachTimeline(step) {
    const timelines = window.__timelines;
    if (!timelines || typeof timelines !== "object") return;
    const names = ObjectKeys(timelines);
    const compositions = all(document, ROOT);
    for (let index = 0; index < names.length; index += 1) {
      const timeline = timelines[names[index]];
      if (!methodIn(timeline, "seek")) continue;
      let begin = 0;
      for (let at = 0; at < nodesIn(compositions); at += 1) {
        const composition = /** @type {Element} */ (compositions[at]);
        if (attributeOf(composition, "data-composition-id") === names[index]) begin = timeOf(composition).start;
      }
      step(timeline, begin);
    }
    eachNested((timeline, host) => methodIn(timeline, "seek") && step(timeline, timeOf(host).start));
  }

  /** Visits what nested compositions have registered. @param {(timeline: any, host: Element) => void} step */
  function eachNested(step) {
    const nested = realm.nestedTimelines();
    for (let index = 0; index < nested.length; index += 1) {
      const { host, timelines } = nested[index];
      const names = typeof timelines === "object" && timelines !== null ? ObjectKeys(timelines) : list();
      for (let at = 0; at < names.length; at += 1) step(timelines[names[at]], host);
    }
  }

  /** @param {number} seconds */
  function seekTimelines(seconds) {
    eachTimeline((timeline, begin) => {
      let at = max(0, seconds - begin);
      // A timeline of GSAP's shows nothing of what it sets at 0 while it stands there, nor anything anew that another has moved
      // since: it stands elsewhere before it begins.
      if (at < JUST_BEGUN && methodIn(timeline, "totalTime")) at = seconds < begin - JUST_BEGUN ? JUST_BEGUN : 2 * JUST_BEGUN;
      callPage(timeline.seek, timeline, [at, false]);
    });
  }

  /** When the clip begins that an animation is in. @param {Animation} animation */
  function beginOfAnimation(animation) {
    const effect = /** @type {KeyframeEffect | null} */ (effectOf(animation));
    const target = effect && targetOf(effect);
    const clip = target && closest(target, "[data-start]");
    return clip ? timeOf(clip).start : 0;
  }

  /** @type {SafeWeakSet<Animation>} */
  const begun = new SafeWeakSet();

  /**
   * An animation that a script has paused stands where the frame's time is. One of a style sheet that began with the page
   * begins with the clip that it is in.
   * @param {number} time milliseconds
   */
  function placeAnimations(time) {
    const animations = animationsOf(document);
    for (let index = 0; index < animations.length; index += 1) {
      const animation = animations[index];
      let isStyled = true;
      try {
        isOfStyles(/** @type {CSSAnimation} */ (animation));
      } catch {
        isStyled = false;
      }
      const isNew = !begun.has(animation);
      begun.add(animation);
      if (isStyled ? !isNew : playStateOf(animation) !== "paused") continue;
      const begin = beginOfAnimation(animation) * 1000;
      const at = animationTime(animation) ?? 0;
      if (!isStyled) setAnimationTime(animation, max(0, time - begin));
      else if (begin > 0 && at > time - begin) setAnimationTime(animation, time - begin);
    }
  }

  /** @type {{ __proto__: null, promise: Promise<unknown>, name: string }[]} what frames wait for */
  let awaited = list();
  realm.awaitComposition = (promise, name) => {
    const wait = { __proto__: null, promise, name };
    append(awaited, wait);
    const end = () => {
      awaited = without(awaited, wait);
    };
    whenSettled(promise, end, end);
  };
  realm.compositionWaits = () => awaited;

  /** @param {Promise<unknown>} promise */
  const waitUntil = (promise) => realm.awaitComposition(settled(promise), "a promise given to waitUntil() of hf-seek");

  /** @param {number} time milliseconds */
  realm.showComposition = (time) => {
    const seconds = time / 1000;
    const outermost = root();
    if (outermost) {
      realm.mountCompositions();
      layOut(outermost);
      visit(outermost, seconds, ignore);
      page.__hfThreeTime = seconds; // what timelines call may read it
    }
    seekTimelines(seconds);
    if (!outermost) return;
    adapters.tell(seconds, waitUntil);
    placeAnimations(time);
    showClips(outermost, seconds);
    const seek = methodIn(page.__hf, "seek");
    if (seek) callPage(seek, page.__hf, [seconds]);
  };

  realm.composition = root;
  realm.compositionWarnings = createCompositionWarnings(visit, root);

  // -- its length

  /** How long a timeline of the page's is, in seconds; 0 where it does not say, or never ends. @param {any} timeline */
  function timelineSeconds(timeline) {
    const ask = methodIn(timeline, "duration") || methodIn(timeline, "totalDuration");
    const seconds = ask ? callPage(ask, timeline, []) : timeline.duration;
    return typeof seconds === "number" && seconds > 0 && seconds < MOST_SECONDS ? seconds : 0;
  }

  /** How long a composition's own timelines are, in seconds; 0 for no end. @param {Element} composition */
  function lengthOfComposition(composition) {
    const id = attributeOf(composition, "data-composition-id") ?? "";
    const { value } = descriptorOf(window.__timelines ?? undefined, id);
    let last = value ? timelineSeconds(value) : 0;
    eachNested((timeline, host) => {
      if (host === composition && timeline) last = max(last, timelineSeconds(timeline));
    });
    return last;
  }

  /** When the last of what a composition shows ends, in seconds; null where nothing says so. */
  realm.compositionSeconds = () => {
    const outermost = root();
    if (outermost === null) return null;
    let last = 0;
    visit(outermost, 0, (_clip, { start, length }) => {
      if (NumberIsFinite(length)) last = max(last, start + length);
    });
    eachTimeline((timeline, begin) => (last = max(last, begin + timelineSeconds(timeline))));
    last = max(last, adapters.seconds(MOST_SECONDS));
    const animations = animationsOf(document);
    for (let index = 0; index < animations.length; index += 1) {
      const effect = effectOf(animations[index]);
      const end = effect ? NativeNumber(timingOf(effect).endTime) / 1000 : 0;
      if (end < MOST_SECONDS) last = max(last, beginOfAnimation(animations[index]) + end);
    }
    return last > 0 ? last : null;
  };
}
