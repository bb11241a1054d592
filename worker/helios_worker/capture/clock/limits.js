// What the clock cannot control. Such things run as they are, and the plan warns of them.

if (isWindow) {
  const warned = new Set();
  const tellDriver = globalThis.__heliosWarn;
  /**
   * Adds a line to the plan's warnings, once.
   * @param {string} text
   * @param {string} [ignore] the address of a request that no frame waits for
   */
  const warn = (text, ignore) => {
    if (warned.has(text) || !tellDriver) return;
    warned.add(text);
    tellDriver(JSON.stringify({ text, ignore }));
  };

  onConstruct("SharedWorker", (url) => {
    const address = String(new URL(url, document.baseURI));
    warn(`the page uses a SharedWorker (${url}), whose time is real: what it sends may come at any frame`, address);
  });
  onConstruct("WebSocket", (url) =>
    warn(`the page listens to a WebSocket (${url}): what comes from it differs from render to render`),
  );
  onConstruct("EventSource", (url) =>
    warn(`the page listens to server-sent events (${url}): what comes differs from render to render`),
  );
  onConstruct("RTCPeerConnection", () =>
    warn("the page uses WebRTC: what comes from it differs from render to render"),
  );
  onConstruct("AudioContext", () =>
    warn("the page makes sound with Web Audio, which is not rendered: the film is silent"),
  );

  if (window.BaseAudioContext) {
    const time = accessor(BaseAudioContext.prototype, "currentTime");
    patch(BaseAudioContext.prototype, "currentTime", {
      get() {
        return this instanceof AudioContext ? now() / 1000 : time.get.call(this);
      },
    });
  }

  if (window.AudioContext) {
    // In a cross-origin frame the browser does not resume before a click, and nobody clicks.
    const { resume } = AudioContext.prototype;
    patch(AudioContext.prototype, "resume", function () {
      resume.call(this).catch(() => {});
      return native.Promise.resolve();
    });
  }

  realm.showsLive = () =>
    warn("the page shows a live stream in a video, whose time is real: it differs from render to render");

  realm.cannotSeek = (element) =>
    warn(
      `the page plays ${element.currentSrc}, whose server sends it only from the start (no Range requests): ` +
        "the film shows its first picture",
    );

  realm.sounds = (element) => {
    if (!element.muted && element.volume > 0) {
      const name = element.currentSrc || "a media element";
      warn(`the page plays ${name}, whose sound is not rendered: the film is silent`);
    }
  };
}
