// Videos and sounds whose attributes say when they are heard (data-helios-offset and others), as compositions made for Helios
// have them: they are heard then, whether or not a script plays them.

/** @param {NativeMedia} browser */
function createHeliosSounds(browser) {
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const NAMES = list("data-helios-track-id", "data-helios-offset", "data-helios-seek", "data-helios-fade-in", "data-helios-fade-out");

  /** @param {Element} element @param {string} name */
  function numberOf(element, name) {
    const value = NativeNumber(attributeOf(element, name) ?? 0);
    return NumberIsFinite(value) ? value : 0;
  }

  /** @param {Element} element */
  function isDeclared(element) {
    for (let index = 0; index < NAMES.length; index += 1) {
      if (attributeOf(element, NAMES[index]) !== null) return true;
    }
    return false;
  }

  return {
    __proto__: null,
    /** Whether an element's attributes say that it is not heard. @param {Element} element */
    isSilenced: (element) => attributeOf(element, "data-helios-no-audio") !== null,
    /**
     * Where an element is heard by its attributes at the present moment: null where it is not, undefined where they do not say.
     * @param {HTMLMediaElement} element
     * @returns {SoundPlace | null | undefined}
     */
    placeOf(element) {
      if (!isDeclared(element)) return undefined;
      const rate = browser.rate(element);
      const offset = numberOf(element, "data-helios-offset");
      const seek = max(0, numberOf(element, "data-helios-seek"));
      const whole = browser.duration(element);
      const loops = browser.loops(element);
      const length = NumberIsFinite(whole) && whole > 0 && !loops ? max(0, whole - seek) / rate : Infinity;
      const now = kernel.now / 1000;
      if (now < offset || now >= offset + length || !(rate > 0)) return null;
      const fadeIn = numberOf(element, "data-helios-fade-in");
      const gain = faded(now - offset, offset + length - now, fadeIn, numberOf(element, "data-helios-fade-out"));
      const begin = max(0, offset);
      const position = seek + (begin - offset) * rate;
      return { __proto__: null, begin: begin * 1000, end: (offset + length) * 1000, position, rate, gain, loop: loops ? whole : 0 };
    },
  };
}
