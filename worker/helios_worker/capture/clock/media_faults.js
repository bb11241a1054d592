// Videos and sounds that cannot be shown: tells the driver, which treats them as files that are missing.
//
// A page that listens to an element's errors deals with them itself, as it does in a browser.

/**
 * @param {Playback} playback
 * @param {NativeMedia} browser
 */
function createMediaFaults(playback, browser) {
  const allIn = methodOf(Element.prototype, "querySelectorAll");
  const lengthOf = getterOf(NodeList.prototype, "length");
  const sourceAddress = getterOf(HTMLSourceElement.prototype, "src");
  const { NETWORK_NO_SOURCE, HAVE_METADATA } = HTMLMediaElement;

  /** @type {SafeWeakSet<EventTarget>} */
  const listeners = new SafeWeakSet();
  after(EventTarget.prototype, "addEventListener", (target, args) => {
    if (args.length > 0 && args[0] === "error" && browser.isNode(target)) listeners.add(target);
  });

  /** @param {HTMLElement} element */
  const isHandled = (element) => listeners.has(element) || browser.errorHandler(element) !== null;

  /**
   * Says once that an element cannot be shown.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function check(element, player) {
    if (player.failed) return;
    const error = browser.error(element);
    if (error) {
      player.failed = true;
      if (browser.given(element) === "") return; // which is how pages let go of a file
      playback.settlePromises(player, true);
      const reason = `${browser.errorCode(error)} ${browser.errorMessage(error)}`;
      realm.mediaFails(list(browser.address(element)), reason, isHandled(element));
    } else if (browser.networkState(element) === NETWORK_NO_SOURCE && browser.given(element) === null) {
      checkSources(element, player);
    } else if (player.isVideo && !player.examined && browser.readyState(element) >= HAVE_METADATA) {
      // Of a file whose pictures it cannot decode, the browser plays the sound alone.
      player.examined = true;
      const hasPictures = browser.videoWidth(/** @type {HTMLVideoElement} */ (element)) > 0;
      if (!hasPictures) realm.mediaFails(list(browser.address(element)), "0 no pictures", isHandled(element));
    }
  }

  /**
   * An element that can use none of its <source>s has no error, but each of them.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function checkSources(element, player) {
    const sources = allIn(element, "source");
    /** @type {string[]} */
    const addresses = list();
    let handled = isHandled(element);
    for (let index = 0; index < lengthOf(sources); index += 1) {
      const source = /** @type {HTMLSourceElement} */ (sources[index]);
      append(addresses, sourceAddress(source));
      handled ||= isHandled(source);
    }
    player.failed = true;
    if (addresses.length === 0) return;
    playback.settlePromises(player, true);
    realm.mediaFails(addresses, "4 none of its sources", handled);
  }

  return { __proto__: null, check };
}

/** @typedef {ReturnType<typeof createMediaFaults>} MediaFaults */
