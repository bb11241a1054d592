// The pictures that videos show: seeks each video to its position, waits until the browser has drawn the picture there,
// and tells the page of it.
//
// A picture can be late for two reasons. What the browser says it presents may be what it presented before a seek: a
// picture counts once its seek has ended and the browser has presented one since. And a video is a surface of its own,
// which hands over its picture some time later, or not at all while the picture before has not been drawn. Therefore a
// page with videos is drawn until nothing changes any more, and before each drawing they are asked for their pictures
// (docs/decisions/0020).

/**
 * @param {Playback} playback
 * @param {NativeMedia} browser
 */
function createPictures(playback, browser) {
  const { players, position } = playback;
  const { isLive, tell } = browser;
  const { HAVE_CURRENT_DATA, NETWORK_EMPTY, NETWORK_NO_SOURCE } = HTMLMediaElement;

  /** @type {SafeMap<HTMLMediaElement, string>} the elements that a step waits for, and what: "loads" or "seeks" */
  const awaited = new SafeMap();

  /** What is awaited, in words. */
  function pending() {
    /** @type {string[]} */
    const words = list();
    awaited.forEach((does, element) =>
      append(words, `${browser.localName(element)} ${browser.address(element)} ${does}`),
    );
    return words;
  }

  /** @param {HTMLMediaElement} element */
  const hasPicture = (element) => !browser.error(element) && browser.readyState(element) >= HAVE_CURRENT_DATA;

  /** @param {HTMLMediaElement} element */
  function loads(element) {
    if (browser.error(element) || !browser.address(element)) return false;
    const state = browser.networkState(element);
    return state !== NETWORK_EMPTY && state !== NETWORK_NO_SOURCE;
  }

  /** @param {HTMLVideoElement} element */
  async function load(element) {
    awaited.set(element, "loads");
    while (loads(element) && !hasPicture(element)) await own(moment(2));
    awaited.delete(element);
  }

  /**
   * Whether a video shows its poster, or nothing while it may not load, because nothing has been done with it.
   * @param {HTMLVideoElement} element
   * @param {Player} player
   */
  const isUntouched = (element, player) =>
    !player.started && player.value === 0 && player.shown === null && (browser.preload(element) === "none" || browser.poster(element));

  /**
   * Where to seek for a position, in seconds: half a millisecond into its picture, because the browser may round the
   * picture's own start either way.
   * @param {HTMLVideoElement} element
   * @param {number} seconds
   */
  function target(element, seconds) {
    const seekable = browser.seekable(element);
    const duration = browser.duration(element);
    const ranges = browser.rangeCount(seekable);
    if (ranges === 0) return browser.time(element);
    const end = browser.rangeEnd(seekable, ranges - 1);
    const last = min(end, max(0, duration - 0.001));
    if (end === 0 && duration > 0 && seconds > 0) realm.cannotSeek(element);
    return max(browser.rangeStart(seekable, 0), min(seconds + 0.0005, last));
  }

  /**
   * Begins to seek. Returns a function that says whether the picture has arrived, after the browser has drawn so many
   * `frames` since.
   * @param {HTMLVideoElement} element
   * @param {Player} player
   * @param {number} seconds
   */
  function seek(element, player, seconds) {
    const before = player.hearings;
    let ended = false;
    let visible = false;
    /** @param {Event} event */
    const end = (event) => (ended ||= event.isTrusted);
    browser.listen(element, "seeked", end);
    browser.listen(element, "error", end);
    browser.listen(element, "emptied", end);
    // A cross-origin frame that cannot be seen runs no animation callbacks and presents no pictures.
    native.requestAnimationFrame?.(() => (visible = true));
    awaited.set(element, "seeks");
    browser.setTime(element, seconds);
    /** @param {number} frames */
    return (frames) => {
      const presentsNone = browser.videoWidth(element) === 0 || browser.error(element) || (frames >= 10 && !visible);
      if (!ended || !(presentsNone || player.hearings > before)) return false;
      browser.unlisten(element, "seeked", end);
      browser.unlisten(element, "error", end);
      browser.unlisten(element, "emptied", end);
      awaited.delete(element);
      return true;
    };
  }

  /** Whether all seeks have arrived. @param {((frames: number) => boolean)[]} seeks @param {number} frames */
  function haveArrived(seeks, frames) {
    for (let index = 0; index < seeks.length; index += 1) {
      const hasArrived = seeks[index];
      if (!hasArrived(frames)) return false;
    }
    return true;
  }

  /** The videos that matter, as of now. */
  function videosNow() {
    /** @type {HTMLVideoElement[]} */
    const videos = list();
    players.forEach((player, element) => {
      if (player.isVideo) append(videos, /** @type {HTMLVideoElement} */ (element));
    });
    return videos;
  }

  /**
   * Seeks the videos that have moved on. Returns those whose picture may be new.
   * @param {boolean} patient whether to wait for what still loads
   */
  async function seekAll(patient) {
    /** @type {SafeMap<HTMLVideoElement, Player>} */
    const moved = new SafeMap();
    /** @type {((frames: number) => boolean)[]} */
    const seeks = list();
    let first = false;
    const videos = videosNow();
    for (let index = 0; index < videos.length; index += 1) {
      const element = videos[index];
      const player = playback.of(element);
      if (isLive(element) || isUntouched(element, player)) continue;
      if (browser.preload(element) === "none") browser.setPreload(element, "auto");
      if (patient) await own(load(element));
      if (!hasPicture(element)) continue;
      const seconds = position(element, player);
      if (player.shown !== null && abs(seconds - player.shown) <= SAME) continue;
      const wanted = target(element, seconds);
      first ||= player.shown === null;
      player.shown = seconds;
      moved.set(element, player);
      // The browser does nothing about a seek to where the video stands already.
      if (abs(wanted - browser.time(element)) > SAME) append(seeks, seek(element, player, wanted));
    }
    for (let frames = 0; !haveArrived(seeks, frames); frames += 1) {
      await own(kernel.nativeFrame("draw"));
      await own(moment(frames < 10 ? 0 : 2));
    }
    if (first) {
      // So far the browser may have presented only the picture of loading. Two frames later it has presented the seek's.
      await own(kernel.nativeFrame("draw"));
      await own(kernel.nativeFrame("draw"));
    }
    return moved;
  }

  /**
   * Tells the page of a video's new picture.
   * @param {HTMLVideoElement} element
   * @param {Player} player
   */
  function present(element, player) {
    if (player.heard === undefined || player.heard === player.picture) return;
    player.picture = player.heard;
    player.presented += 1;
    const { callbacks } = player;
    player.callbacks = new SafeMap();
    const metadata = {
      __proto__: ObjectPrototype,
      presentationTime: now(),
      expectedDisplayTime: now(),
      width: browser.videoWidth(element),
      height: browser.videoHeight(element),
      mediaTime: player.picture,
      presentedFrames: player.presented,
      processingDuration: 0,
    };
    callbacks.forEach((callback) => callPage(callback, element, [now(), metadata]));
  }

  /** @param {boolean} patient whether to wait for what still loads */
  async function show(patient) {
    const moved = await own(seekAll(patient));
    moved.forEach((player, element) => {
      present(element, player);
      if (player.playing) tell(element, "timeupdate");
    });
  }

  /** Has the videos hand over the picture they present, in case they held it back. Returns whether there are videos. */
  function handOver() {
    let any = false;
    const videos = videosNow();
    for (let index = 0; index < videos.length; index += 1) {
      const element = videos[index];
      if (isLive(element) || !browser.isConnected(element) || !hasPicture(element)) continue;
      any = true;
      browser.cancelVideoFrameCallback(element, browser.requestVideoFrameCallback(element, ignore));
    }
    return any;
  }

  return { __proto__: null, show, handOver, pending };
}
