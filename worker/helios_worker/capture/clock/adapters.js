// How HyperFrames' compositions hear of the time: an event, and what libraries of animations are known by.
//
// Each adapter moves what it knows to a time of the film, or of the composition that it is in. What none of them knows runs
// by the clock, as on any page.

/** @param {ReturnType<typeof createClips>} clips */
function createAdapters(clips) {
  const send = methodOf(EventTarget.prototype, "dispatchEvent");
  const SeekEvent = CustomEvent;
  const first = methodOf(Document.prototype, "querySelector");
  const closest = methodOf(Element.prototype, "closest");
  const { escape } = CSS;
  const MOST = 1000;
  /** @type {any} */
  const page = window;

  /** A list for the page, as its own `[]` would be. @returns {any[]} */
  const pageList = () => {
    const made = list();
    ReflectSetPrototypeOf(made, ArrayPrototype);
    return made;
  };
  /** @param {any} things @param {(thing: any) => void} step */
  const each = (things, step) => {
    const count = things && typeof things === "object" ? NativeNumber(things.length) || 0 : 0;
    for (let index = 0; index < min(count, MOST); index += 1) callPage(step, undefined, [things[index]]);
  };
  /** When a composition begins, in seconds of the film. @param {Element | null} composition */
  const beginOf = (composition) => (composition ? clips.timeOf(composition).start : 0);

  // -- anime.js

  /** @typedef {{ id: string, registryKey: string, instance: any, labels: Record<string, number> }} Registration */
  /** @type {SafeMap<string, Registration>} */
  const registered = new SafeMap();
  const registry = pageObject();
  /** @param {string} id @param {any} instance @param {any} [options] */
  registry.register = (id, instance, options) => {
    const made = ObjectAssign(pageObject(), { __proto__: null, id, registryKey: id, instance, labels: options?.labels ?? pageObject() });
    registered.set(NativeString(id), made);
    return made;
  };
  /** @param {string} id */
  registry.unregister = (id) => {
    registered.delete(NativeString(id));
  };
  /** @param {string} id */
  registry.get = (id) => registered.get(NativeString(id)) ?? null;
  registry.entries = () => {
    const found = list();
    registered.forEach((registration) => append(found, registration));
    ReflectSetPrototypeOf(found, ArrayPrototype); // it is the page's now
    return found;
  };
  /** @param {string} id @param {string} label */
  registry.resolveLabel = (id, label) => registered.get(NativeString(id))?.labels[label] ?? null;
  ReflectDefineProperty(window, "hyperframesAnime", { __proto__: null, value: registry, writable: true, configurable: true });

  /** @param {Registration} registration */
  const compositionOf = ({ id }) => first(document, `[data-composition-id="${escape(id)}"]`);

  /** @param {Registration} registration @param {number} seconds */
  function moveRegistered(registration, seconds) {
    const seek = methodIn(registration.instance, "seek");
    const begin = beginOf(compositionOf(registration));
    if (seek) ReflectApply(seek, registration.instance, [max(0, seconds - begin) * 1000]);
  }
  /** @param {number} seconds */
  function moveAnime(seconds) {
    each(page.__hfAnime, (thing) => methodIn(thing, "seek") && ReflectApply(thing.seek, thing, [seconds * 1000]));
  }

  // -- Lottie

  /** The animations of lottie-web that nobody has registered are known by the library. */
  function findLottie() {
    const all = methodIn(page.lottie, "getRegisteredAnimations");
    if (!all) return;
    const found = page.__hfLottie ?? (page.__hfLottie = pageList());
    const known = new SafeSet();
    each(found, (animation) => known.add(animation));
    each(ReflectApply(all, page.lottie, []), (animation) => {
      if (!known.has(animation)) found[found.length] = animation;
    });
  }

  /** How long an animation's file is, in seconds; 0 where it does not say. @param {any} animation */
  const lottieSeconds = (animation) => {
    const seconds = animation.frameRate > 0 ? animation.totalFrames / animation.frameRate : animation.duration;
    return typeof seconds === "number" && seconds > 0 && NumberIsFinite(seconds) ? seconds : 0;
  };

  /** @param {any} animation @param {number} seconds */
  function moveLottie(animation, seconds) {
    const shown = animation.wrapper ?? animation.canvas;
    let composition = null;
    try {
      composition = closest(shown, "[data-composition-id]");
    } catch {
      // it is shown nowhere
    }
    const rate = animation.frameRate > 0 ? animation.frameRate : animation.totalFrames / animation.duration;
    const frames = animation.totalFrames > 0 ? animation.totalFrames : 0;
    let frame = max(0, seconds - beginOf(composition)) * (rate > 0 ? rate : 30);
    // A hair below the last frame's end is the first frame of the next round.
    if (frames > 0 && animation.loop === true) frame = frames - (frame % frames) < 1e-6 ? 0 : frame % frames;
    else if (frames > 0) frame = min(frame, frames - 1);
    if (methodIn(animation, "goToAndStop")) ReflectApply(animation.goToAndStop, animation, [frame, true]);
    else if (methodIn(animation, "setCurrentRawFrameValue")) ReflectApply(animation.setCurrentRawFrameValue, animation, [frame]);
    else if (methodIn(animation, "setFrame")) ReflectApply(animation.setFrame, animation, [frame]);
  }

  /** @param {number} seconds */
  function moveAllLottie(seconds) {
    findLottie();
    each(page.__hfLottie, (animation) => moveLottie(animation, seconds));
  }

  return {
    __proto__: null,
    /** Tells all of them the time. @param {number} seconds @param {(promise: Promise<unknown>) => void} waitUntil */
    tell(seconds, waitUntil) {
      const detail = ObjectAssign(pageObject(), { __proto__: null, time: seconds, waitUntil });
      send(window, new SeekEvent("hf-seek", /** @type {any} */ ({ __proto__: null, detail })));
      registered.forEach((registration) => {
        callPage(moveRegistered, undefined, [registration, seconds]);
      });
      callPage(moveAnime, undefined, [seconds]);
      callPage(moveAllLottie, undefined, [seconds]);
    },
    /** When the last of what they move ends, in seconds of the film. @param {number} most longer ones have no end */
    seconds(most) {
      let last = 0;
      /** @param {number} end */
      const note = (end) => {
        if (end < most) last = max(last, end);
      };
      const noteAll = () => {
        registered.forEach((registration) => {
          const length = NativeNumber(registration.instance?.duration) / 1000;
          if (length > 0) note(beginOf(compositionOf(registration)) + length);
        });
        findLottie();
        each(page.__hfLottie, (animation) => note(lottieSeconds(animation)));
      };
      callPage(noteAll, undefined, []);
      return last;
    },
  };
}
