// When the elements of a HyperFrames composition are shown: its clips, nested compositions, videos and sounds.
//
// A composition is an element with data-composition-id, and a clip is an element with data-start. A clip's time counts from
// the start of the composition that it is in, or else from that of the film. It is shown from its start on, and no longer at its end. What
// an attribute says is read anew at each frame, since scripts may set them.

/**
 * @typedef {object} ClipTime
 * @property {null} [__proto__]
 * @property {number} start seconds, of the film
 * @property {number} length seconds, Infinity where nothing says when it ends
 * @property {number} from seconds, of the film: when it is first shown, with the clips that it lies in
 * @property {number} until and from when on it no longer is
 * @property {boolean} shown at the time asked for
 */

/** @param {(composition: Element) => number} timelineLength how long the timeline of a composition is, in seconds; 0 for no end */
function createClips(timelineLength) {
  const all = methodOf(Document.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const byId = methodOf(Document.prototype, "getElementById");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const closest = methodOf(Element.prototype, "closest");
  const parentOf = getterOf(Node.prototype, "parentElement");
  const nameOf = getterOf(Element.prototype, "localName");
  const lengthOf = getterOf(HTMLMediaElement.prototype, "duration");
  const lastIndexOf = methodOf(String.prototype, "lastIndexOf");
  const trim = methodOf(String.prototype, "trim");
  const IMAGE_SECONDS = 3;
  const COMPOSITIONS = "[data-composition-id]";
  /** 0.1 + 0.2 is a hair more than 0.3. */
  const ROUNDING_SECONDS = 1e-9;
  const CLIPS = "[data-start]";

  /** @type {SafeMap<Element, ClipTime>} those worked out for the present frame */
  let known = new SafeMap();
  /** @type {SafeSet<Element>} those being worked out: one that begins with itself begins at 0 */
  const inWork = new SafeSet();
  let present = 0; // seconds
  /** @type {Element | null} the composition that is the film */
  let film = null;

  /** @param {Element} element @param {string} name @returns {number | null} null where it says no number */
  function numberOf(element, name) {
    const text = attributeOf(element, name);
    if (text === null || trim(text) === "") return null;
    const value = NativeNumber(text);
    return NumberIsFinite(value) ? value : null;
  }

  /** @param {string} name @returns {Element | null} by its id, or as a composition */
  function named(name) {
    const element = byId(document, name);
    if (element) return element;
    const compositions = all(document, COMPOSITIONS);
    for (let index = 0; index < nodesIn(compositions); index += 1) {
      const composition = /** @type {Element} */ (compositions[index]);
      if (attributeOf(composition, "data-composition-id") === name) return composition;
    }
    return null;
  }

  /** Where a text says "NAME", "NAME + SECONDS" or "NAME - SECONDS": the end of that element. @param {string} text */
  function referred(text) {
    const at = max(lastIndexOf(text, " + "), lastIndexOf(text, " - "));
    const offset = at < 0 ? 0 : NativeNumber(trim(stringSlice(text, at + 1, at + 2)) + trim(stringSlice(text, at + 3, text.length)));
    const element = named(trim(at < 0 ? text : stringSlice(text, 0, at)));
    if (!element) return 0;
    const end = localEnd(element, inWork.has(element) ? 0 : localStart(element));
    return end + (NumberIsFinite(offset) ? offset : 0);
  }

  /** @param {Element} element @param {number} start */
  function localEnd(element, start) {
    const length = lengthAt(element, start);
    return start + (NumberIsFinite(length) ? length : 0);
  }

  /** @type {SafeMap<Element, number>} */
  let starts = new SafeMap();
  /** Where an element starts in its composition. @param {Element} element @returns {number} */
  function localStart(element) {
    const found = starts.get(element);
    if (found !== undefined) return found;
    const text = attributeOf(element, "data-start");
    let start = 0;
    if (text !== null && trim(text) !== "") {
      inWork.add(element);
      const value = NativeNumber(text);
      start = max(0, NumberIsFinite(value) ? value : referred(trim(text)));
      inWork.delete(element);
    }
    starts.set(element, start);
    return start;
  }

  /** @param {Element} element */
  const isComposition = (element) =>
    attributeOf(element, "data-composition-id") !== null || attributeOf(element, "data-composition-src") !== null;

  /** How long an element is shown, from a start in its composition on. @param {Element} element @param {number} start */
  function lengthAt(element, start) {
    const length = numberOf(element, "data-duration");
    if (length !== null && length > 0) return length;
    const end = numberOf(element, "data-end");
    if (end !== null) return max(0, end - start);
    const name = nameOf(element);
    if (name === "img") return IMAGE_SECONDS;
    if (name === "video" || name === "audio") return mediaLength(/** @type {HTMLMediaElement} */ (element));
    return isComposition(element) ? timelineLength(element) || Infinity : Infinity;
  }

  /** How long a video or sound has pictures or is heard. @param {HTMLMediaElement} element */
  function mediaLength(element) {
    const whole = lengthOf(element);
    return whole > 0 && NumberIsFinite(whole) ? max(0, whole - mediaStart(element)) / mediaRate(element) : Infinity;
  }

  /** The second of its file that a video or sound starts with. @param {Element} element */
  const mediaStart = (element) => max(0, numberOf(element, "data-media-start") ?? numberOf(element, "data-playback-start") ?? 0);

  /** @param {Element} element */
  function mediaRate(element) {
    const rate = numberOf(element, "data-playback-rate");
    return rate !== null && rate > 0 ? rate : 1;
  }

  /** The composition that an element is in. @param {Element} element @returns {Element | null} */
  function compositionOf(element) {
    const parent = parentOf(element);
    return parent && closest(parent, COMPOSITIONS);
  }

  /** When a composition begins, in seconds of the film. @param {Element | null} composition */
  const beginOf = (composition) => (composition ? timeOf(composition).start : 0);

  /** @param {Element} element @returns {ClipTime} */
  function timeOf(element) {
    const found = known.get(element);
    if (found) return found;
    const outer = compositionOf(element);
    const parent = parentOf(element);
    const around = parent && closest(parent, CLIPS);
    const isFilm = element === film;
    const local = isFilm ? 0 : localStart(element);
    const start = isFilm ? 0 : beginOf(outer) + local;
    const length = isFilm ? Infinity : lengthAt(element, local);
    const inside = around && !isFilm ? timeOf(around) : null;
    const from = inside ? max(start, inside.from) : start;
    const until = inside ? min(start + length, inside.until) : start + length;
    const isHidden = !isFilm && attributeOf(element, "data-hidden") !== null;
    const isNow = present >= from - ROUNDING_SECONDS && present < until - ROUNDING_SECONDS;
    const time = { __proto__: null, start, length, from, until, shown: isNow && !isHidden && inside?.shown !== false };
    known.set(element, time);
    return time;
  }

  return {
    __proto__: null,
    /**
     * Visits the clips as they are at a time of the film.
     * @param {Element | null} outermost the composition that is the film
     * @param {number} seconds
     * @param {(clip: Element, time: ClipTime) => void} visit
     */
    visit(outermost, seconds, visit) {
      known = new SafeMap();
      starts = new SafeMap();
      present = seconds;
      film = outermost;
      const clips = all(document, CLIPS);
      for (let index = 0; index < nodesIn(clips); index += 1) {
        const clip = /** @type {Element} */ (clips[index]);
        if (clip !== film) visit(clip, timeOf(clip));
      }
    },
    timeOf,
    compositionOf,
    mediaStart,
    mediaRate,
    numberOf,
  };
}
