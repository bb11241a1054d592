// Connections of Web Audio, so that what is added up is the same in every run.
//
// Where three sounds meet, the last bit of their sum depends on the order in which they are added, and the browser takes that
// order from addresses in memory. So no input gets more than two connections: behind it, adders of two inputs each are put
// in the order of the page's calls. An AudioParam, whose own value is added first, gets one; so does an input that mixes channels
// down, where each channel is added by itself.

/**
 * @typedef {object} Place where a connection ends: an input of the page's, a parameter, or an adder of ours
 * @property {null} [__proto__]
 * @property {AudioNode | AudioParam} target
 * @property {boolean} isParam
 * @property {number} input
 * @property {number} room how many connections it may have
 * @property {Link[]} links
 */
/**
 * @typedef {object} Link a connection
 * @property {null} [__proto__]
 * @property {AudioNode} source
 * @property {boolean} isOurs whether that is an adder
 * @property {number} output
 * @property {Place} end where the page has it lead
 * @property {Place | null} place where it leads; null once it is cut
 */

if (isWindow && nativeAudio.Offline) {
  const connect = /** @type {(from: AudioNode, to: any, output?: number, input?: number) => any} */ (
    /** @type {any} */ (methodOf(AudioNode.prototype, "connect"))
  );
  const { value: nativeDisconnect } = descriptorOf(AudioNode.prototype, "disconnect");
  const disconnect = /** @type {(from: AudioNode, ...where: any[]) => void} */ (
    /** @type {any} */ (methodOf(AudioNode.prototype, "disconnect"))
  );
  const contextOf = getterOf(AudioNode.prototype, "context");
  const stateOf = getterOf(BaseAudioContext.prototype, "state");
  const makeGain = methodOf(BaseAudioContext.prototype, "createGain");
  const interpretationOf = getterOf(AudioNode.prototype, "channelInterpretation");
  const countModeOf = getterOf(AudioNode.prototype, "channelCountMode");
  const setInterpretation = setterOf(AudioNode.prototype, "channelInterpretation");
  const paramValue = getterOf(AudioParam.prototype, "value");
  const { byContext } = kernel.audio;

  /** The places behind each input of a node, or behind a parameter, from its own on. @type {SafeWeakMap<object, SafeMap<number, Place[]>>} */
  const inputsOf = new SafeWeakMap();
  /** @type {SafeWeakMap<object, Link[]>} */
  const linksOf = new SafeWeakMap();

  /** @param {any} thing */
  const isParameter = (thing) => has(paramValue, thing);

  /** @param {any} target @param {number} input */
  function placesOf(target, input) {
    let inputs = inputsOf.get(target);
    if (!inputs) inputsOf.set(target, (inputs = new SafeMap()));
    let places = inputs.get(input);
    if (!places) {
      const isParam = isParameter(target);
      places = list(placeAt(target, input, isParam, isParam || countModeOf(target) !== "max" ? 1 : 2));
      inputs.set(input, places);
    }
    return places;
  }

  /** @param {any} target @param {number} input @param {boolean} isParam @param {number} room @returns {Place} */
  const placeAt = (target, input, isParam, room) => ({ __proto__: null, target, isParam, input, room, links: list() });
  /** @param {Place} place */
  const hasRoom = ({ room, links }) => links.length < room;

  /** @param {Link} link @param {Place} place */
  function attach(link, place) {
    if (place.isParam) connect(link.source, place.target, link.output);
    else connect(link.source, place.target, link.output, place.input);
    note(link, place);
  }

  /** @param {Link} link @param {Place} place */
  function note(link, place) {
    link.place = place;
    append(place.links, link);
  }

  /** @param {Link} link */
  function detach(link) {
    const { source, output, place } = link;
    if (!place) return;
    separate(source, output, place);
    place.links = without(place.links, link);
    link.place = null;
  }

  /** @param {AudioNode} source @param {number} output @param {Place} place */
  function separate(source, output, { target, isParam, input }) {
    if (isParam) disconnect(source, target, output);
    else disconnect(source, target, output, input);
  }

  /**
   * A place with room behind an input. Where there is none, an adder takes the place of the first connection that is not one,
   * so that they grow like a tree, and a thousand sounds are ten adders deep.
   * @param {Place[]} places
   * @param {BaseAudioContext} context
   */
  function placeWithRoom(places, context) {
    for (let index = 0; index < places.length; index += 1) if (hasRoom(places[index])) return places[index];
    for (let index = 0; index < places.length; index += 1) {
      const full = places[index];
      for (let at = 0; at < full.links.length; at += 1) if (!full.links[at].isOurs) return split(places, full, full.links[at], context);
    }
    return places[0];
  }

  /** @param {Place[]} places @param {Place} full @param {Link} link @param {BaseAudioContext} context */
  function split(places, full, link, context) {
    const source = makeGain(context);
    const { target, isParam } = places[0];
    if (!isParam) setInterpretation(source, interpretationOf(/** @type {AudioNode} */ (target)));
    const adder = placeAt(source, 0, false, 2);
    detach(link);
    attach(link, adder);
    attach({ __proto__: null, source, isOurs: true, output: 0, end: places[0], place: null }, full);
    append(places, adder);
    return adder;
  }

  /** @param {any[]} args @param {number} index */
  const numberIn = (args, index) => (args.length > index && args[index] !== undefined ? NativeNumber(args[index]) >>> 0 : undefined);

  // The browser has made the connection, or said what is wrong with it.
  after(AudioNode.prototype, "connect", (source, args) => {
    const context = contextOf(source);
    // A rendering of the page's own that has begun is not taken apart.
    if (!byContext.has(context) && stateOf(context) === "running") return;
    const target = args[0];
    const output = numberIn(args, 1) ?? 0;
    const places = placesOf(target, isParameter(target) ? 0 : (numberIn(args, 2) ?? 0));
    const end = places[0];
    const links = linksOf.get(source) ?? list();
    for (let index = 0; index < links.length; index += 1) {
      const link = links[index];
      if (link.end !== end || link.output !== output) continue;
      if (link.place !== end) separate(source, output, end); // it is there already, behind an adder
      return;
    }
    /** @type {Link} */
    const link = { __proto__: null, source, isOurs: false, output, end, place: null };
    if (hasRoom(end)) {
      note(link, end);
    } else {
      separate(source, output, end);
      attach(link, placeWithRoom(places, context));
    }
    append(links, link);
    linksOf.set(source, links);
  });

  const destinationOf = getterOf(BaseAudioContext.prototype, "destination");
  kernel.audio.silence = (context) => {
    const inputs = inputsOf.get(destinationOf(context));
    if (inputs === undefined) return;
    inputs.forEach((places) => {
      for (let index = 0; index < places.length; index += 1) {
        const place = places[index];
        while (place.links.length > 0) detach(place.links[0]);
      }
    });
  };

  /** Cuts some connections of a node. Returns how many. @param {AudioNode} source @param {(link: Link) => boolean} isMeant */
  function cut(source, isMeant) {
    const links = linksOf.get(source) ?? list();
    /** @type {Link[]} */
    const left = list();
    for (let index = 0; index < links.length; index += 1) {
      if (isMeant(links[index])) detach(links[index]);
      else append(left, links[index]);
    }
    linksOf.set(source, left);
    return links.length - left.length;
  }

  patch(AudioNode.prototype, "disconnect", function (...args) {
    const source = /** @type {any} */ (this);
    const isOfTarget = args.length > 0 && typeof args[0] === "object" && args[0] !== null;
    const output = numberIn(args, isOfTarget ? 1 : 0);
    const input = isOfTarget ? numberIn(args, 2) : undefined;
    const count = cut(source, (link) => {
      if (isOfTarget && link.end.target !== args[0]) return false;
      return (output === undefined || link.output === output) && (input === undefined || link.end.input === input);
    });
    if (count === 0 || !isOfTarget) ReflectApply(nativeDisconnect, source, args);
  });
}
