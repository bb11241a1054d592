// What is heard of the videos and sounds of a HyperFrames composition, and how loud (hyperframes.js).

/** @param {ReturnType<typeof createClips>} clips */
function createClipSounds({ mediaStart, mediaRate, numberOf }) {
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const nameOf = getterOf(Element.prototype, "localName");

  /** Whether a composition means an element to be heard. @param {HTMLMediaElement} element */
  function isHeard(element) {
    if (nameOf(element) === "audio") return true;
    const says = attributeOf(element, "data-has-audio");
    return attributeOf(element, "muted") === null && (says === null || says === "true");
  }

  /**
   * Where an element is heard at a time of the film, null where it is not.
   * @param {HTMLMediaElement} element
   * @param {ClipTime} time
   * @param {number} seconds
   * @returns {SoundPlace | null}
   */
  return (element, { start, length, from, until, shown }, seconds) => {
    if (!shown || !isHeard(element)) return null;
    const rate = mediaRate(element);
    const volume = max(0, numberOf(element, "data-volume") ?? 1);
    const fadeIn = numberOf(element, "data-fade-in") ?? 0;
    const gain = volume * faded(seconds - start, start + length - seconds, fadeIn, numberOf(element, "data-fade-out") ?? 0);
    const position = mediaStart(element) + (from - start) * rate;
    return { __proto__: null, begin: from * 1000, end: until * 1000, position, rate, gain };
  };
}
