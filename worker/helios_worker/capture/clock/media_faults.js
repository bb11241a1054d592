// Videos and sounds that cannot be shown: tells the driver, which treats them as files that are missing.
//
// The page comes first: it may have another file for the element, or listen to its errors, as in a browser.

/** @typedef {{ __proto__: null, addresses: string[], reason: string, handled: boolean }} Fault */

/**
 * @param {Playback} playback
 * @param {NativeMedia} browser
 * @param {MediaEvents} events
 */
function createMediaFaults(playback, browser, { expect }) {
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
   * Says once that an element cannot be shown. It is asked twice about one that has failed, and says nothing the first time,
   * since the page has yet to hear of it.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function check(element, player) {
    if (player.reported) return;
    const error = browser.error(element);
    if (error || (browser.networkState(element) === NETWORK_NO_SOURCE && browser.given(element) === null)) {
      const fault = error ? faultOf(element, error) : faultOfSources(element);
      player.reported = player.failed || fault === null;
      player.failed = true;
      if (!player.reported) {
        playback.settlePromises(player, true);
        void expect(); // what the page does about it
      } else if (fault) {
        realm.mediaFails(fault.addresses, fault.reason, fault.handled);
      }
    } else if (player.isVideo && !player.examined && browser.readyState(element) >= HAVE_METADATA) {
      // Of a file whose pictures it cannot decode, the browser plays the sound alone.
      player.examined = true;
      const hasPictures = browser.videoWidth(/** @type {HTMLVideoElement} */ (element)) > 0;
      if (!hasPictures) realm.mediaFails(list(browser.address(element)), "0 no pictures", isHandled(element));
    }
  }

  /**
   * @param {HTMLMediaElement} element
   * @param {MediaError} error
   * @returns {Fault | null}
   */
  function faultOf(element, error) {
    if (browser.given(element) === "") return null; // which is how pages let go of a file
    const reason = `${browser.errorCode(error)} ${browser.errorMessage(error)}`;
    return { __proto__: null, addresses: list(browser.address(element)), reason, handled: isHandled(element) };
  }

  /**
   * An element that can use none of its <source>s has no error, but each of them.
   * @param {HTMLMediaElement} element
   * @returns {Fault | null}
   */
  function faultOfSources(element) {
    const sources = allIn(element, "source");
    /** @type {string[]} */
    const addresses = list();
    let handled = isHandled(element);
    for (let index = 0; index < lengthOf(sources); index += 1) {
      const source = /** @type {HTMLSourceElement} */ (sources[index]);
      append(addresses, sourceAddress(source));
      handled ||= isHandled(source);
    }
    return addresses.length > 0 ? { __proto__: null, addresses, reason: "4 none of its sources", handled } : null;
  }

  return { __proto__: null, check };
}

/** @typedef {ReturnType<typeof createMediaFaults>} MediaFaults */
