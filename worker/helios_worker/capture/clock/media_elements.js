// Which videos and sounds there are: finds them wherever they are inserted, keeps the browser from playing them, and
// forgets those that no longer matter.

/**
 * @param {Playback} playback
 * @param {NativeMedia} browser
 */
function watchMediaElements(playback, browser) {
  const { players, of } = playback;

  /** @type {Set<ParentNode>} the document or shadow roots in which something changed since the last observe() */
  const changedRoots = new Set();
  /** @param {MutationRecord[]} records */
  const noteRoots = (records) => {
    for (const { target } of records) changedRoots.add(/** @type {Document | ShadowRoot} */ (target.getRootNode()));
  };
  const insertions = new MutationObserver(noteRoots);

  function observe() {
    noteRoots(insertions.takeRecords());
    for (const root of [document, ...changedRoots]) {
      const elements = /** @type {NodeListOf<HTMLMediaElement>} */ (root.querySelectorAll("video,audio"));
      for (const element of elements) of(element);
    }
    changedRoots.clear();
    for (const [element, player] of players) {
      takeOver(element, player);
      // HTML standard: "when a media element is removed from a document"
      if (player.connected && !element.isConnected) playback.pause(element);
      player.connected = element.isConnected;
      if (player.autoplay && !player.started) begin(element, player);
      if (isAtRest(element, player)) players.delete(element);
    }
  }

  /**
   * Keeps the browser from playing an element, whatever its attributes say.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function takeOver(element, player) {
    if (isLive(element)) return realm.showsLive();
    if (!browser.paused.get.call(element)) browser.pause.call(element);
    if (!browser.autoplay.get.call(element)) return;
    browser.autoplay.set.call(element, false);
    player.autoplay = true;
  }

  /**
   * Starts an element with autoplay.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function begin(element, player) {
    if (!isLive(element)) return playback.play(element);
    player.started = true;
    browser.play.call(element).catch(() => {});
  }

  /**
   * Whether an element that is in no document has nothing left to do or to show.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function isAtRest(element, player) {
    if (player.connected || player.playing || player.callbacks.size > 0 || player.shown === null) return false;
    return Math.abs(playback.position(element, player) - player.shown) <= SAME;
  }

  /** @param {Event} event before the element has data, so that it cannot begin on its own */
  function onLoadStart({ target }) {
    if (!isMedia(target)) return;
    const player = of(target);
    takeOver(target, player);
    player.shown = null;
  }

  /**
   * Watches a window or shadow root for elements. Each needs to be watched by itself, because events of media elements
   * and mutations stay within their tree.
   * @param {Window | ShadowRoot} root
   */
  function watch(root) {
    root.addEventListener("loadstart", onLoadStart, true);
    if (root === window) return;
    const tree = /** @type {ShadowRoot} */ (root);
    insertions.observe(tree, { childList: true, subtree: true });
    changedRoots.add(tree);
  }

  /**
   * Watches the open shadow roots that were written in the markup.
   * @param {ParentNode} tree
   */
  function findOpenRoots(tree) {
    for (const { shadowRoot } of tree.querySelectorAll("*")) {
      if (!shadowRoot) continue;
      watch(shadowRoot);
      findOpenRoots(shadowRoot);
    }
  }

  return { observe, watch, findOpenRoots };
}
