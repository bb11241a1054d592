// The pictures that videos show: seeks each video to its position, waits until the browser has drawn the picture there,
// and tells the page of it.
//
// A picture can be late for two reasons. What the browser says it presents may be what it presented before a seek: a
// picture counts once its seek has ended and the browser has presented one since. And a video is a surface of its own,
// which hands over its picture some time later, or not at all while the picture before has not been drawn. Therefore a
// page with videos is drawn until nothing changes any more, and before each drawing they are asked for their pictures
// (docs/decisions/0020).

/** @param {number} milliseconds @returns {Promise<void>} */
const moment = (milliseconds) => new native.Promise((resolve) => native.setTimeout(resolve, milliseconds));

/**
 * @param {Playback} playback
 * @param {NativeMedia} browser
 */
function createPictures(playback, browser) {
  const { players, position } = playback;

  /** @type {Map<HTMLMediaElement, string>} the elements that a step waits for, and what they do: "loads" or "seeks" */
  const awaited = new Map();

  /** What is awaited, in words. */
  const pending = () => [...awaited].map(([element, does]) => `${element.localName} ${element.currentSrc} ${does}`);

  /** @param {HTMLMediaElement} element */
  const hasPicture = (element) => !element.error && element.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;

  const { NETWORK_EMPTY, NETWORK_NO_SOURCE } = HTMLMediaElement;
  /** @param {HTMLMediaElement} element */
  const loads = ({ error, currentSrc, networkState }) =>
    !error && currentSrc && networkState !== NETWORK_EMPTY && networkState !== NETWORK_NO_SOURCE;

  /** @param {HTMLVideoElement} element */
  async function load(element) {
    awaited.set(element, "loads");
    while (loads(element) && !hasPicture(element)) await moment(2);
    awaited.delete(element);
  }

  /**
   * Whether a video shows its poster, or nothing while it may not load, because nothing has been done with it.
   * @param {HTMLVideoElement} element
   * @param {Player} player
   */
  const isUntouched = (element, player) =>
    !player.started && player.value === 0 && player.shown === null && (element.preload === "none" || element.poster);

  /**
   * Where to seek for a position, in seconds: half a millisecond into its picture, because the browser may round the
   * picture's own start either way.
   * @param {HTMLVideoElement} element
   * @param {number} seconds
   */
  function target(element, seconds) {
    const { seekable, duration } = element;
    if (seekable.length === 0) return browser.currentTime.get.call(element);
    const last = Math.min(seekable.end(seekable.length - 1), Math.max(0, duration - 0.001));
    if (seekable.end(seekable.length - 1) === 0 && duration > 0 && seconds > 0) realm.cannotSeek(element);
    return Math.max(seekable.start(0), Math.min(seconds + 0.0005, last));
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
    const types = ["seeked", "error", "emptied"];
    let ended = false;
    let visible = false;
    /** @param {Event} event */
    const end = (event) => (ended ||= event.isTrusted);
    for (const type of types) element.addEventListener(type, end);
    // A cross-origin frame that cannot be seen runs no animation callbacks and presents no pictures.
    native.requestAnimationFrame?.(() => (visible = true));
    awaited.set(element, "seeks");
    browser.currentTime.set.call(element, seconds);
    /** @param {number} frames */
    return (frames) => {
      const presentsNone = element.videoWidth === 0 || element.error || (frames >= 10 && !visible);
      if (!ended || !(presentsNone || player.hearings > before)) return false;
      for (const type of types) element.removeEventListener(type, end);
      awaited.delete(element);
      return true;
    };
  }

  /**
   * Seeks the videos that have moved on. Returns those whose picture may be new.
   * @param {boolean} patient whether to wait for what still loads
   */
  async function seekAll(patient) {
    /** @type {Map<HTMLVideoElement, Player>} */
    const moved = new Map();
    const seeks = [];
    let first = false;
    for (const [element, player] of players) {
      if (!isVideo(element) || isLive(element) || isUntouched(element, player)) continue;
      if (element.preload === "none") element.preload = "auto";
      if (patient) await load(element);
      if (!hasPicture(element)) continue;
      const seconds = position(element, player);
      if (player.shown !== null && Math.abs(seconds - player.shown) <= SAME) continue;
      const wanted = target(element, seconds);
      first ||= player.shown === null;
      player.shown = seconds;
      moved.set(element, player);
      // The browser does nothing about a seek to where the video stands already.
      if (Math.abs(wanted - browser.currentTime.get.call(element)) > SAME) seeks.push(seek(element, player, wanted));
    }
    for (let frames = 0; !seeks.every((arrived) => arrived(frames)); frames += 1) {
      await kernel.nativeFrame("draw");
      await moment(frames < 10 ? 0 : 2);
    }
    if (first) {
      // So far the browser may have presented only the picture of loading. Two frames later it has presented the seek's.
      await kernel.nativeFrame("draw");
      await kernel.nativeFrame("draw");
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
    const callbacks = [...player.callbacks.values()];
    player.callbacks.clear();
    const metadata = {
      presentationTime: now(),
      expectedDisplayTime: now(),
      width: element.videoWidth,
      height: element.videoHeight,
      mediaTime: player.picture,
      presentedFrames: player.presented,
      processingDuration: 0,
    };
    for (const callback of callbacks) callPage(callback, element, [now(), metadata]);
  }

  /** @param {boolean} patient whether to wait for what still loads */
  async function show(patient) {
    for (const [element, player] of await seekAll(patient)) {
      present(element, player);
      if (player.playing) tell(element, "timeupdate");
    }
  }

  /** Has the videos hand over the picture they present, in case they held it back. Returns whether there are videos. */
  function handOver() {
    let any = false;
    for (const element of players.keys()) {
      if (!isVideo(element) || isLive(element) || !element.isConnected || !hasPicture(element)) continue;
      any = true;
      browser.cancelVideoFrameCallback.call(element, browser.requestVideoFrameCallback.call(element, () => {}));
    }
    return any;
  }

  return { show, handOver, pending };
}
