// <video> and <audio>: their time is the page's virtual time. The element itself stays paused and is sought.
//
// This file makes the parts and gives them to the kernel: players.js holds where the elements stand, playback.js what the
// page has them do, media_api.js is what it calls, media_elements.js finds the elements, media_loading.js asks for their
// data, pictures.js shows videos at their position, media_events.js tells the page, and media_faults.js the driver, of
// what cannot be shown.

if (isWindow) {
  const browser = nativeMediaApi();
  const events = createMediaEvents(browser);
  const sources = createMediaSources(browser);
  const roster = createPlayers(browser, events, sources);
  const loading = createLoading(browser, sources, roster);
  const playback = createPlayback(browser, events, roster, loading);
  replaceMediaApi(roster, playback, browser, events);
  const elements = watchMediaElements(roster, playback, browser, events);
  const faults = createMediaFaults(playback, browser, events);
  const pictures = createPictures(roster, loading, playback, browser, events, sources, faults);

  const sounds = createSounds(browser, roster);
  const { files, revoked } = kernel.heard; // of scripts
  events.noteWith(sounds.note);
  realm.hear = sounds.noteAll;
  if (HEARD_SECONDS) {
    const sizeOf = getterOf(Blob.prototype, "size");
    after(URL, "createObjectURL", (_owner, args, address) => {
      try {
        if (sizeOf(args[0]) > 0) files.set(address, args[0]);
      } catch {
        // a MediaSource, which has no bytes
      }
    });
    after(URL, "revokeObjectURL", (_owner, args) => {
      if (files.has(args[0])) revoked.add(args[0]);
    });
    realm.placeSound = sounds.place;
    realm.leave = sounds.leave;
  }

  realm.watchMedia = elements.watch;
  realm.watchInsertions = elements.watchInsertions;
  realm.findOpenRoots = (tree = document) => elements.findOpenRoots(tree);
  after(Element.prototype, "setHTMLUnsafe", elements.findOpenRoots);
  after(ShadowRoot.prototype, "setHTMLUnsafe", elements.findOpenRoots);
  elements.watch(window);

  const observeAnimations = realm.observe;
  realm.observe = () => {
    observeAnimations();
    elements.observe();
  };

  const animationBoundary = realm.nextBoundary;
  realm.nextBoundary = () => min(animationBoundary(), playback.nextEnd());

  realm.endMedia = playback.end;
  realm.hidesVideos = pictures.hidesVideos;
  realm.showHiddenVideos = pictures.showHidden;
  realm.handOverPictures = pictures.handOver;
  realm.pendingMedia = pictures.pending;
  realm.mediaPends = () => events.isBusy() || playback.anyPends();
  realm.finishMedia = pictures.finish;
  // Comes before the animation callbacks, so that they draw the pictures of their own frame, and again after them, for
  // what they sought.
  realm.showMedia = async () => {
    let round = 0;
    do {
      for (; round < MOST_ROUNDS && realm.mediaPends(); round += 1) await own(pictures.finish());
      await own(pictures.show());
      playback.end();
      round += 1;
    } while (round < MOST_ROUNDS && realm.mediaPends());
  };
}
