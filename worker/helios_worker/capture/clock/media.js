// <video> and <audio>: their time is the page's virtual time. The element itself stays paused and is sought.
//
// This file makes the parts and gives them to the kernel: playback.js holds what the page has the elements do,
// media_api.js is what it calls, media_elements.js finds the elements, pictures.js shows videos at their position.

if (isWindow) {
  const browser = nativeMediaApi();
  const playback = createPlayback(browser);
  replaceMediaApi(playback, browser);
  const elements = watchMediaElements(playback, browser);
  const pictures = createPictures(playback, browser);

  realm.watchMedia = elements.watch;
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
  realm.handOverPictures = pictures.handOver;
  realm.pendingMedia = pictures.pending;
  // Comes before the animation callbacks, so that they draw the pictures of their own frame, and again after them, for
  // what they sought.
  realm.showMedia = async (loadedOnly = false) => {
    await own(pictures.show(!loadedOnly));
    playback.end();
  };
}
