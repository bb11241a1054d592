// Which videos and sounds there are: finds them wherever they are inserted, keeps the browser from playing them, and
// forgets those that no longer matter.

/**
 * @param {Players} roster
 * @param {Playback} playback
 * @param {NativeMedia} browser
 * @param {MediaEvents} events
 */
function watchMediaElements(roster, playback, browser, events) {
  const { players, of } = roster;
  const { isConnected, isLive, isMedia } = browser;
  const allInDocument = methodOf(Document.prototype, "querySelectorAll");
  const allInFragment = methodOf(DocumentFragment.prototype, "querySelectorAll");
  const allInElement = methodOf(Element.prototype, "querySelectorAll");
  const lengthOf = getterOf(NodeList.prototype, "length");
  const mutatedNode = getterOf(MutationRecord.prototype, "target");
  const rootOf = methodOf(Node.prototype, "getRootNode");
  const hostedRoot = getterOf(Element.prototype, "shadowRoot");
  const nodeType = getterOf(Node.prototype, "nodeType");
  const observeTree = methodOf(MutationObserver.prototype, "observe");
  const takeRecords = methodOf(MutationObserver.prototype, "takeRecords");

  /**
   * Elements below a document, fragment or element, by selector.
   * @param {ParentNode} tree
   * @param {string} selector
   * @returns {NodeListOf<Element>}
   */
  function all(tree, selector) {
    const type = nodeType(tree);
    if (type === 9) return allInDocument(/** @type {Document} */ (tree), selector);
    if (type === 11) return allInFragment(/** @type {DocumentFragment} */ (tree), selector);
    return allInElement(/** @type {Element} */ (tree), selector);
  }

  /** @type {SafeSet<ParentNode>} the document or shadow roots in which something changed since the last observe() */
  const changedRoots = new SafeSet();
  /** @param {MutationRecord[]} records */
  const noteRoots = (records) => {
    for (let index = 0; index < records.length; index += 1) {
      changedRoots.add(/** @type {Document | ShadowRoot} */ (rootOf(mutatedNode(records[index]))));
    }
  };
  const insertions = new MutationObserver(noteRoots);

  /** @param {ParentNode} root */
  function notice(root) {
    const elements = all(root, "video,audio");
    for (let index = 0; index < lengthOf(elements); index += 1) {
      const element = elements[index];
      if (isMedia(element)) of(element);
    }
  }

  function observe() {
    noteRoots(takeRecords(insertions));
    notice(document);
    changedRoots.forEach((root) => {
      notice(root);
      realm.lookInto(root);
    });
    changedRoots.clear();
    players.forEach((player, element) => {
      takeOver(element, player);
      // HTML standard: "when a media element is removed from a document"
      if (player.connected && !isConnected(element)) playback.pause(element);
      player.connected = isConnected(element);
      if (isLive(element) && roster.isToStart(element, player)) beginLive(element, player);
      if (isAtRest(element, player)) players.delete(element);
    });
  }

  /**
   * Keeps the browser from playing an element.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function takeOver(element, player) {
    if (isLive(element)) playback.refuseLive(element, player);
    else if (!browser.isPaused(element)) browser.pause(element);
  }

  /**
   * Starts a live element with autoplay. Others start when they have data.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function beginLive(element, player) {
    player.started = true;
    whenSettled(browser.play(element), ignore, ignore);
  }

  /**
   * Whether an element that is in no document has nothing left to do or to show.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function isAtRest(element, player) {
    if (player.connected || player.playing || player.seeking || player.callbacks.size > 0) return false;
    if (browser.error(element)) return player.reported;
    if (!player.isVideo) return player.ready && !roster.isToStart(element, player);
    return player.shown !== null && abs(roster.position(element, player) - player.shown) <= SAME;
  }

  /**
   * Watches a window or shadow root for elements. Each needs to be watched by itself, because events of media elements
   * and mutations stay within their tree.
   * @param {Window | ShadowRoot} root
   */
  function watch(root) {
    events.guard(root);
    if (root === window) return;
    watchInsertions(/** @type {ShadowRoot} */ (root));
  }

  /** @param {Document | ShadowRoot} tree */
  function watchInsertions(tree) {
    observeTree(insertions, tree, { __proto__: null, childList: true, subtree: true });
    changedRoots.add(tree);
  }

  /**
   * Watches the open shadow roots that were written in the markup.
   * @param {ParentNode} tree
   */
  function findOpenRoots(tree) {
    const elements = all(tree, "*");
    for (let index = 0; index < lengthOf(elements); index += 1) {
      const root = hostedRoot(elements[index]);
      if (!root) continue;
      realm.addShadowRoot(root, false);
      findOpenRoots(root);
    }
  }

  return { __proto__: null, observe, watch, watchInsertions, findOpenRoots };
}
