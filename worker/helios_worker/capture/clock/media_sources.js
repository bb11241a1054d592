// Media whose data a script brings (Media Source Extensions, as players for HLS and DASH use them), and which part of a file
// an address asks for.
//
// Time stands still while an element loads. For data that a script brings by a timer it would stand still for ever, so such
// an element is waited for only while the browser is at work on what it was given: else time goes on, and the element stands
// where its data ends, as in a browser.

/** Seconds: Chromium begins at the start of what there is, if that is not later. */
const GAP_AT_START = 1;

/** @param {NativeMedia} browser */
function createMediaSources(browser) {
  const { MediaSource: Source } = globalThis;
  /** @type {SafeMap<string, MediaSource>} */
  const byAddress = new SafeMap();
  const stateOf = Source ? getterOf(Source.prototype, "readyState") : () => "ended";
  const buffersOf = Source ? getterOf(Source.prototype, "sourceBuffers") : ignore;
  const bufferCount = Source ? getterOf(SourceBufferList.prototype, "length") : () => 0;
  const isUpdating = Source ? getterOf(SourceBuffer.prototype, "updating") : () => false;
  const isHandle = globalThis.MediaSourceHandle ? methodOf(Object.prototype, "isPrototypeOf") : () => false;
  const Handle = globalThis.MediaSourceHandle;
  const { HAVE_CURRENT_DATA } = HTMLMediaElement;

  /** @param {unknown} thing @returns {thing is MediaSource} */
  function isSource(thing) {
    try {
      return typeof stateOf(/** @type {any} */ (thing)) === "string" && Source !== undefined;
    } catch {
      return false;
    }
  }

  after(URL, "createObjectURL", (_owner, args, address) => {
    if (args.length > 0 && isSource(args[0])) byAddress.set(address, args[0]);
  });

  /** @param {HTMLMediaElement} element */
  function sourceOf(element) {
    const given = browser.srcObject(element);
    return isSource(given) ? given : byAddress.get(browser.address(element));
  }

  /** Whether a script brings an element's data. @param {HTMLMediaElement} element */
  function isScripted(element) {
    const given = browser.srcObject(element);
    if (given === null || given === undefined) return byAddress.has(browser.address(element));
    return isSource(given) || (Handle !== undefined && isHandle(Handle.prototype, /** @type {any} */ (given)));
  }

  /**
   * The end of the data that an element has from a position on, null where it has none there.
   * @param {HTMLMediaElement} element
   * @param {number} seconds
   */
  function endOfData(element, seconds) {
    const ranges = browser.buffered(element);
    for (let index = 0; index < browser.rangeCount(ranges); index += 1) {
      const start = browser.rangeStart(ranges, index);
      const end = browser.rangeEnd(ranges, index);
      const begins = start <= seconds + SAME || (index === 0 && start < GAP_AT_START);
      if (begins && seconds < end - SAME) return end;
    }
    return null;
  }

  /**
   * Whether the browser is at work on data for a position.
   * @param {HTMLMediaElement} element
   * @param {number} seconds
   * @param {number | null} givenUp the end of data of which nothing came, since it takes more to make a picture
   */
  function isArriving(element, seconds, givenUp) {
    const source = sourceOf(element);
    if (source) {
      if (stateOf(source) === "closed") return true; // until it opens
      const buffers = /** @type {any} */ (buffersOf(source));
      for (let index = 0; index < bufferCount(buffers); index += 1) {
        if (isUpdating(buffers[index])) return true;
      }
    }
    if (browser.readyState(element) >= HAVE_CURRENT_DATA) return false;
    const end = endOfData(element, seconds);
    return end !== null && end !== givenUp;
  }

  return { __proto__: null, isScripted, endOfData, isArriving };
}

/** @typedef {ReturnType<typeof createMediaSources>} MediaSources */

const indexInText = methodOf(String.prototype, "indexOf");

/**
 * The part of a file that an address asks for (Media Fragments: `#t=10,20`), in seconds; null where it asks for none. The
 * browser itself goes to its start.
 * @param {string} address
 * @returns {{ __proto__: null, start: number | null, end: number | null }}
 */
function fragmentOf(address) {
  const hash = indexInText(address, "#");
  let rest = hash < 0 ? "" : `&${stringSlice(address, hash + 1)}`;
  /** @type {number | null} */
  let start = null;
  /** @type {number | null} */
  let end = null;
  for (let at = indexInText(rest, "&t="); at >= 0; at = indexInText(rest, "&t=")) {
    rest = stringSlice(rest, at + 3);
    const stop = indexInText(rest, "&");
    const part = stop < 0 ? rest : stringSlice(rest, 0, stop);
    const comma = indexInText(part, ",");
    start = secondsOf(comma < 0 ? part : stringSlice(part, 0, comma));
    end = comma < 0 ? null : secondsOf(stringSlice(part, comma + 1));
  }
  return { __proto__: null, start, end };
}

/** Seconds of 90, 1:30 or 0:01:30.5; null for what is no time. @param {string} text */
function secondsOf(text) {
  let rest = text;
  let seconds = 0;
  for (let colon = indexInText(rest, ":"); colon >= 0; colon = indexInText(rest, ":")) {
    seconds = (seconds + NativeNumber(stringSlice(rest, 0, colon))) * 60;
    rest = stringSlice(rest, colon + 1);
  }
  seconds += NativeNumber(rest);
  return rest !== "" && NumberIsFinite(seconds) && seconds > 0 ? seconds : null;
}
