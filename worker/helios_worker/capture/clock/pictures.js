// The pictures that videos show: seeks each video to its position, waits until the browser has drawn the picture there,
// and tells the page of it.
//
// A picture can be late for two reasons. What the browser says it presents may be what it presented before a seek: a
// picture counts once its seek has ended and the browser has presented one since. And a video is a surface of its own,
// which hands over its picture some time later, or not at all while the picture before has not been drawn. Therefore a
// page with videos is drawn until nothing changes any more, and before each drawing they are asked for their pictures
// (docs/decisions/0020). Long, because a seek and its picture are one matter.

/** How often to look for the picture of data that a script has brought. Half a picture would be waited for without end. */
const PATIENCE = 200;

/**
 * @param {Players} roster
 * @param {Loading} loading
 * @param {Playback} playback
 * @param {NativeMedia} browser
 * @param {MediaEvents} events
 * @param {MediaSources} sources
 * @param {MediaFaults} faults
 */
function createPictures(roster, loading, playback, browser, events, sources, faults) {
  const { players, position } = roster;
  const { isLive } = browser;
  const { HAVE_CURRENT_DATA, HAVE_ENOUGH_DATA, NETWORK_IDLE, NETWORK_LOADING } = HTMLMediaElement;

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

  /**
   * Waits while the browser is at work on an element's data.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  async function load(element, player) {
    // Between setting an address and its first look at it, the browser says that there is none.
    for (let wait = 0; wait < PATIENCE && loading.isUndecided(element); wait += 1) await own(moment(0));
    if (!loading.isLoading(element, player)) return;
    awaited.set(element, "loads");
    for (let waits = 0; loading.isLoading(element, player); waits += 1) {
      if (waits === PATIENCE) player.givenUp = sources.endOfData(element, position(element, player));
      const rests = browser.networkState(element) === NETWORK_IDLE && browser.preload(element) !== "auto";
      if (rests && loading.isWanted(element, player)) browser.setPreload(element, "auto");
      await own(moment(2));
    }
    // It says that it can play to its end in the same breath, if it has data for that.
    for (let wait = 0; wait < 20 && needsMore(element, player); wait += 1) await own(moment(2));
    awaited.delete(element);
    await own(quiet());
  }

  /** @param {HTMLMediaElement} element @param {Player} player */
  function needsMore(element, player) {
    if (browser.error(element) || player.scripted || browser.networkState(element) !== NETWORK_LOADING) return false;
    return browser.readyState(element) < HAVE_ENOUGH_DATA;
  }

  /**
   * Where to seek for a position, in seconds: half a millisecond into its picture, because the browser may round the
   * picture's own start either way.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   * @param {number} seconds
   */
  function target(element, player, seconds) {
    const seekable = browser.seekable(element);
    const duration = browser.duration(element);
    const ranges = browser.rangeCount(seekable);
    if (ranges === 0) return browser.time(element);
    const end = browser.rangeEnd(seekable, ranges - 1);
    let last = min(end, duration);
    if (player.scripted) {
      const before = max(0, seconds - 0.001);
      last = min(last, max(before, (sources.endOfData(element, before) ?? last) - 0.001));
    }
    if (end === 0 && duration > 0 && seconds > 0) realm.cannotSeek(element);
    return max(browser.rangeStart(seekable, 0), min(seconds + 0.0005, last));
  }

  /**
   * Begins to seek. Returns a function that says whether the picture has arrived, after the browser has drawn so many
   * `frames` since.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   * @param {number} seconds
   */
  function seek(element, player, seconds) {
    const { hearings, arrivals, loads } = player;
    let visible = false;
    // A cross-origin frame that cannot be seen runs no animation callbacks and presents no pictures.
    native.requestAnimationFrame?.(() => (visible = true));
    awaited.set(element, "seeks");
    player.state = roster.stateOf(element);
    browser.setTime(element, seconds);
    /** @param {number} frames */
    return (frames) => {
      const isGone = player.loads !== loads || browser.error(element) !== null || (player.scripted && frames > PATIENCE);
      const presentsNone = !player.isVideo || browser.videoWidth(/** @type {any} */ (element)) === 0 || (frames >= 10 && !visible);
      if (!isGone && !(player.arrivals > arrivals && (presentsNone || player.hearings > hearings))) return false;
      if (player.loads === loads) player.state = null;
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

  /**
   * Seeks elements to their positions, and waits until the pictures there have come.
   * @param {SafeMap<HTMLMediaElement, Player>} moved
   */
  async function bring(moved) {
    /** @type {((frames: number) => boolean)[]} */
    const seeks = list();
    let isFirst = false;
    let hasVideo = false;
    moved.forEach((player, element) => {
      const seconds = position(element, player);
      isFirst ||= player.isVideo && player.shown === null;
      hasVideo ||= player.isVideo;
      player.shown = seconds;
      player.fresh = true;
      const wanted = target(element, player, seconds);
      // The browser does nothing about a seek to where the element stands already.
      if (abs(wanted - browser.time(element)) > SAME) append(seeks, seek(element, player, wanted));
    });
    for (let frames = 0; !haveArrived(seeks, frames); frames += 1) {
      if (hasVideo) await own(kernel.nativeFrame("draw"));
      await own(moment(frames < 10 ? 0 : 2));
    }
    if (isFirst) {
      // So far the browser may have presented only the picture of loading. Two frames later it has presented the seek's.
      await own(kernel.nativeFrame("draw"));
      await own(kernel.nativeFrame("draw"));
    }
  }

  /** The elements that matter, as of now. */
  const elementsNow = () => /** @type {HTMLMediaElement[]} */ (keysOf(players));

  /**
   * Brings to an end what the page has begun: loading and seeking. Time stands still for it. When the page hears of that, it
   * may begin something else.
   */
  async function finish() {
    const elements = elementsNow();
    /** @type {SafeMap<HTMLMediaElement, Player>} */
    const sought = new SafeMap();
    for (let index = 0; index < elements.length; index += 1) {
      const element = elements[index];
      const player = roster.of(element);
      if (isLive(element)) continue;
      await own(load(element, player));
      if (!player.canPlayThrough && !player.scripted && loading.hasData(element, player)) {
        await own(quiet()); // what the browser says before
        await own(events.told());
        playback.completeLoad(element);
      }
      faults.check(element, player);
      playback.proceed(element, player);
      if (player.seeking && loading.hasData(element, player)) sought.set(element, player);
    }
    if (sought.size > 0) {
      await own(events.told()); // `seeking`, before it is over
      await own(bring(needPictures(sought)));
      sought.forEach((player, element) => {
        if (player.seeking) playback.endSeek(element, player);
      });
    }
    await own(events.told());
  }

  /**
   * Those of some elements that the browser itself has to seek. Nobody sees a page that is only heard: there, only those
   * whose pictures the page is told of.
   * @param {SafeMap<HTMLMediaElement, Player>} elements
   */
  function needPictures(elements) {
    /** @type {SafeMap<HTMLMediaElement, Player>} */
    const found = new SafeMap();
    elements.forEach((player, element) => {
      const isSeen = player.isVideo && (HEARD_SECONDS === undefined || player.callbacks.size > 0);
      if (isSeen || browser.hasTracks(element)) found.set(element, player);
    });
    return found;
  }

  /** Brings the elements that have moved on to their positions, and tells the page of their pictures. */
  async function show() {
    /** @type {SafeMap<HTMLMediaElement, Player>} */
    const moved = new SafeMap();
    players.forEach((player, element) => {
      if (isLive(element) || !loading.isWanted(element, player) || player.seeking || !hasPicture(element)) return;
      if (player.shown !== null && abs(position(element, player) - player.shown) <= SAME) return;
      moved.set(element, player);
    });
    if (moved.size > 0) await own(bring(needPictures(moved)));
    players.forEach((player, element) => {
      if (player.isVideo && player.fresh) present(/** @type {HTMLVideoElement} */ (element), player);
    });
    tellPositions();
    await own(events.told());
  }

  /**
   * Whether a video plays that is not on show, and has moved on. Scripts may draw it at any time, not only in a frame.
   * @param {HTMLMediaElement} element
   * @param {Player} player
   */
  function isHidden(element, player) {
    if (HEARD_SECONDS !== undefined || !player.isVideo || !player.playing || player.blocked || player.seeking || isLive(element)) return false;
    if (!hasPicture(element) || player.shown === null || abs(position(element, player) - player.shown) <= SAME) return false;
    if (player.lookedAt !== kernel.frame) {
      player.lookedAt = kernel.frame;
      player.hidden = !browser.isOnShow(element);
    }
    return player.hidden;
  }

  /** Whether there are such videos. */
  function hidesVideos() {
    let any = false;
    players.forEach((player, element) => {
      any ||= isHidden(element, player);
    });
    return any;
  }

  /** Brings them to their positions. */
  async function showHidden() {
    /** @type {SafeMap<HTMLMediaElement, Player>} */
    const moved = new SafeMap();
    players.forEach((player, element) => {
      if (isHidden(element, player)) moved.set(element, player);
    });
    if (moved.size > 0) await own(bring(moved));
  }

  /**
   * Tells the page of a video's new picture.
   * @param {HTMLVideoElement} element
   * @param {Player} player
   */
  function present(element, player) {
    player.fresh = false;
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

  /** Tells of the position of what plays, if it has moved. */
  function tellPositions() {
    players.forEach((player, element) => {
      if (!player.playing || player.blocked || player.seeking) return;
      const reached = position(element, player);
      if (player.told === reached) return;
      player.told = reached;
      events.tell(element, "timeupdate");
    });
  }

  /** Has the videos hand over the picture they present, in case they held it back. Returns whether there are videos. */
  function handOver() {
    let any = false;
    players.forEach((player, media) => {
      const element = /** @type {HTMLVideoElement} */ (media);
      if (!player.isVideo || isLive(element) || !browser.isConnected(element) || !hasPicture(element)) return;
      any = true;
      browser.cancelVideoFrameCallback(element, browser.requestVideoFrameCallback(element, ignore));
    });
    return any;
  }

  return { __proto__: null, finish, show, hidesVideos, showHidden, handOver, pending };
}
