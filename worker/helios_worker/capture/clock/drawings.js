// SVG's own animation (SMIL): the timeline of each <svg> is paused, and set to its place on the virtual time.
//
// It runs from when the <svg> was found, also while it has nothing to move or is in no document.

if (isWindow) {
  const SVG = "http://www.w3.org/2000/svg";
  const MOVING = "animate,animateTransform,animateMotion,set";

  /**
   * The timeline of an <svg>, which the browser keeps paused.
   * @typedef {object} Drawing
   * @property {null} [__proto__]
   * @property {number} at virtual time in milliseconds
   * @property {number} value the timeline's own time at that moment
   * @property {boolean} paused by the page
   * @property {number} due virtual time of its next event, Infinity where none is known
   * @property {number} point its own time at that event, in seconds
   */

  /** @type {SafeMap<SVGSVGElement, Drawing>} those in a document that have something on their timeline */
  const svgs = new SafeMap();
  /** @type {SafeWeakMap<SVGSVGElement, Drawing>} each has a timeline, also nested ones, which runs from when it was found */
  const drawings = new SafeWeakMap();

  const isConnected = getterOf(Node.prototype, "isConnected");
  const nodeType = getterOf(Node.prototype, "nodeType");
  const { DOCUMENT_FRAGMENT_NODE } = Node;
  const elementsNamed = methodOf(Document.prototype, "getElementsByTagNameNS");
  const elementCount = getterOf(HTMLCollection.prototype, "length");
  const firstIn = methodOf(Element.prototype, "querySelector");
  const allBelow = methodOf(Element.prototype, "querySelectorAll");
  const allIn = methodOf(DocumentFragment.prototype, "querySelectorAll");
  const countOf = getterOf(NodeList.prototype, "length");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const pauseSvg = methodOf(SVGSVGElement.prototype, "pauseAnimations");
  const setSvgTime = methodOf(SVGSVGElement.prototype, "setCurrentTime");
  const svgTimeOf = methodOf(SVGSVGElement.prototype, "getCurrentTime");
  const isSvgPaused = methodOf(SVGSVGElement.prototype, "animationsPaused");
  const startOf = methodOf(SVGAnimationElement.prototype, "getStartTime");
  const durationOf = methodOf(SVGAnimationElement.prototype, "getSimpleDuration");
  const ownerOf = getterOf(SVGElement.prototype, "ownerSVGElement");

  /** Takes over a drawing's timeline, if it has anything on it. @param {SVGSVGElement} svg */
  function hold(svg) {
    if (svgs.has(svg)) return;
    const drawing = drawingOf(svg);
    if (firstIn(svg, MOVING)) take(svg, drawing);
  }

  /** @param {SVGSVGElement} svg */
  function drawingOf(svg) {
    const known = drawings.get(svg);
    if (known) return known;
    /** @type {Drawing} */
    const drawing = { __proto__: null, at: kernel.now, value: 0, paused: false, due: Infinity, point: 0 };
    drawings.set(svg, drawing);
    return drawing;
  }

  /** @param {SVGSVGElement} svg @param {Drawing} drawing */
  function take(svg, drawing) {
    pauseSvg(svg);
    svgs.set(svg, drawing);
    setSvgTime(svg, svgTime(drawing, kernel.now) / 1000);
    if (firstIn(svg, "[onbegin],[onend],[onrepeat]")) kernel.needs.events = kernel.needs.drawings = true;
  }

  /** @param {Drawing} drawing @param {number} time */
  const svgTime = ({ at, value, paused }, time) => (paused ? value : value + time - at);

  // A page's own calls. The browser's timeline stays paused throughout.
  /** @param {SVGSVGElement} svg @param {boolean} paused @param {number} [value] */
  function anchorDrawing(svg, paused, value) {
    const drawing = drawingOf(svg);
    drawing.value = value ?? svgTime(drawing, kernel.now);
    drawing.at = kernel.now;
    drawing.paused = paused;
  }
  patch(SVGSVGElement.prototype, "pauseAnimations", function () {
    pauseSvg(this);
    anchorDrawing(this, true);
  });
  patch(SVGSVGElement.prototype, "unpauseAnimations", function () {
    pauseSvg(this);
    anchorDrawing(this, false);
  });
  patch(SVGSVGElement.prototype, "animationsPaused", function () {
    const isPaused = isSvgPaused(this);
    return isPaused && drawingOf(this).paused;
  });
  after(SVGSVGElement.prototype, "setCurrentTime", (svg, args) => {
    anchorDrawing(svg, drawingOf(svg).paused, max(0, NativeNumber(args[0]) * 1000));
  });
  patch(SVGSVGElement.prototype, "getCurrentTime", function () {
    const told = svgTimeOf(this);
    return svgs.has(this) ? told : svgTime(drawingOf(this), kernel.now) / 1000;
  });
  // What a script has just inserted begins at the drawing's present time.
  /** @param {"beginElement" | "beginElementAt" | "endElement" | "endElementAt"} name */
  const atPresent = (name) => {
    const method = SVGAnimationElement.prototype[name];
    patch(SVGAnimationElement.prototype, name, function (...args) {
      const svg = ownerOf(this);
      if (svg && isConnected(svg)) hold(svg);
      return ReflectApply(method, this, args);
    });
  };
  atPresent("beginElement");
  atPresent("beginElementAt");
  atPresent("endElement");
  atPresent("endElementAt");

  const { observe, moveTo, nextBoundary, lookInto } = realm;
  realm.observe = () => {
    observe();
    if (!realm.alive()) return;
    const all = /** @type {HTMLCollectionOf<SVGSVGElement>} */ (elementsNamed(document, SVG, "svg"));
    for (let index = 0; index < elementCount(all); index += 1) hold(all[index]);
  };

  realm.lookInto = (tree) => {
    lookInto(tree);
    if (nodeType(tree) !== DOCUMENT_FRAGMENT_NODE) return;
    const all = /** @type {NodeListOf<SVGSVGElement>} */ (allIn(/** @type {ShadowRoot} */ (tree), "svg"));
    for (let index = 0; index < countOf(all); index += 1) hold(all[index]);
  };

  realm.moveTo = (time) => {
    moveTo(time);
    svgs.forEach((drawing, svg) => {
      if (isConnected(svg)) setSvgTime(svg, time === drawing.due ? drawing.point : svgTime(drawing, time) / 1000);
      else svgs.delete(svg);
    });
  };

  realm.nextBoundary = () => {
    let next = nextBoundary();
    if (kernel.needs.drawings) svgs.forEach((drawing, svg) => (next = min(next, drawingBoundary(svg, drawing))));
    return next;
  };

  /**
   * When the next animation element of a drawing begins, repeats or ends.
   * @param {SVGSVGElement} svg
   * @param {Drawing} drawing
   */
  function drawingBoundary(svg, drawing) {
    drawing.due = Infinity;
    if (drawing.paused || !isConnected(svg)) return Infinity;
    const present = svgTime(drawing, kernel.now) / 1000;
    let next = Infinity;
    /** @param {number} seconds the browser's times are whole microseconds, told with the precision of 32 bits */
    const consider = (seconds) => {
      const point = floor(seconds * 1e6 + 0.5) / 1e6;
      if (point > present + 5e-7) next = min(next, point);
    };
    const elements = allBelow(svg, MOVING);
    for (let index = 0; index < countOf(elements); index += 1) {
      const element = /** @type {SVGAnimationElement} */ (elements[index]);
      try {
        const start = startOf(element);
        consider(start);
        const end = clockValue(attributeOf(element, "repeatDur")) ?? clockValue(attributeOf(element, "dur"));
        if (end !== null) consider(start + end);
        const duration = durationOf(element);
        consider(start + duration * (floor((present - start) / duration + 1e-6) + 1));
        consider(start + duration * NativeNumber(attributeOf(element, "repeatCount")));
      } catch {
        // it has not begun, or has no length
      }
      const end = clockValue(attributeOf(element, "end"));
      if (end !== null) consider(end);
    }
    drawing.due = drawing.at + next * 1000 - drawing.value;
    // The browser takes it with the precision of 32 bits and leaves out parts of a microsecond.
    drawing.point = next + 1e-6 + next * 2 ** -23;
    return drawing.due;
  }

  /** Seconds of a value such as 1.5s, 300ms or 2; null for everything else. @param {string | null} text */
  function clockValue(text) {
    if (text === null) return null;
    const { length } = text;
    const isShort = stringSlice(text, length - 2) === "ms";
    const end = isShort ? length - 2 : stringSlice(text, length - 1) === "s" ? length - 1 : length;
    const value = NativeNumber(stringSlice(text, 0, end)) / (isShort ? 1000 : 1);
    return end > 0 && NumberIsFinite(value) ? value : null;
  }
}
