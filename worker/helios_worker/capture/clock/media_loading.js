// Whether videos and sounds have the data for their position, and whether the browser is at work on it.

/**
 * @param {NativeMedia} browser
 * @param {MediaSources} sources
 * @param {Players} roster
 */
function createLoading(browser, sources, roster) {
  const { position, hasEnded, isToStart, stateOf } = roster;
  const { HAVE_CURRENT_DATA, NETWORK_EMPTY, NETWORK_LOADING, NETWORK_NO_SOURCE } = HTMLMediaElement;

  /**
   * Whether an element has data at its position.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function hasData(element, player) {
    if (browser.error(element) || stateOf(element) < HAVE_CURRENT_DATA) return false;
    return !player.scripted || hasEnded(element, player) || sources.endOfData(element, position(element, player)) !== null;
  }

  /** Whether the film shows something of an element, or needs its data. @param {HTMLMediaElement} element @param {Player} player */
  function isWanted(element, player) {
    if (player.playing || player.seeking || player.placed || player.started || player.shown !== null) return true;
    if (isToStart(element, player)) return true;
    // It shows its poster, or nothing while it may not load, because nothing has been done with it.
    return player.isVideo && browser.preload(element) !== "none" && !browser.poster(/** @type {any} */ (element));
  }

  /** Whether the browser has yet to look at the address that an element was given. @param {HTMLMediaElement} element */
  const isUndecided = (element) =>
    browser.networkState(element) === NETWORK_NO_SOURCE && !browser.error(element) && browser.given(element) !== null;

  /**
   * Whether the browser is at work on an element's data, so that time stands still.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function isLoading(element, player) {
    player.scripted = sources.isScripted(element);
    const state = browser.networkState(element);
    if (browser.error(element) || state === NETWORK_EMPTY || state === NETWORK_NO_SOURCE) return false;
    if (!player.scripted && !browser.address(element)) return false;
    if (player.scripted) {
      if (state !== NETWORK_LOADING && !isWanted(element, player)) return false;
      return sources.isArriving(element, position(element, player), player.givenUp);
    }
    if (stateOf(element) >= HAVE_CURRENT_DATA) return false;
    return state === NETWORK_LOADING || isWanted(element, player);
  }

  return { __proto__: null, hasData, isWanted, isUndecided, isLoading };
}

/** @typedef {ReturnType<typeof createLoading>} Loading */
