// What the clock cannot rule: such things run as they are, and the plan says so.

if (isWindow) {
  const told = new Set();
  const tellDriver = globalThis.__heliosWarn;
  /** Puts a line among the plan's warnings, once. ignore: a request that no frame waits for. */
  const warn = (text, ignore) => {
    if (told.has(text) || !tellDriver) return;
    told.add(text);
    tellDriver(JSON.stringify({ text, ignore }));
  };

  /** Warns when a constructor is first used. */
  function onConstruct(name, describe) {
    const Native = window[name];
    if (!Native) return;
    window[name] = new Proxy(Native, {
      construct(target, args, newTarget) {
        warn(...describe(...args));
        return Reflect.construct(target, args, newTarget);
      },
    });
  }

  const absolute = (url) => String(new URL(url, document.baseURI));
  onConstruct("SharedWorker", (url) => [`the page uses a SharedWorker (${url}), whose time is real: what it sends may come at any frame`, absolute(url)]);
  onConstruct("WebSocket", (url) => [`the page listens to a WebSocket (${url}): what comes from it differs from render to render`]);
  onConstruct("EventSource", (url) => [`the page listens to server-sent events (${url}): what comes differs from render to render`]);
  onConstruct("RTCPeerConnection", () => ["the page uses WebRTC: what comes from it differs from render to render"]);
  onConstruct("AudioContext", () => ["the page makes sound with Web Audio, which is not rendered: the film is silent"]);

  if (window.BaseAudioContext) {
    const time = Object.getOwnPropertyDescriptor(BaseAudioContext.prototype, "currentTime").get;
    patch(BaseAudioContext.prototype, "currentTime", {
      get() {
        return this instanceof AudioContext ? now() / 1000 : time.call(this);
      },
    });
  }

  if (window.AudioContext) {
    // In a frame of another origin the browser keeps it waiting for a click, which nobody makes.
    patch(
      AudioContext.prototype,
      "resume",
      ((resume) =>
        function () {
          resume.call(this).catch(() => {});
          return native.Promise.resolve();
        })(AudioContext.prototype.resume),
    );
  }

  realm.showsLive = () => warn("the page shows a live stream in a video, whose time is real: it differs from render to render");

  realm.cannotSeek = (element) =>
    warn(`the page plays ${element.currentSrc}, whose server sends it only from the start (no Range requests): the film shows its first picture`);

  realm.sounds = (element) => {
    if (!element.muted && element.volume > 0) {
      warn(`the page plays ${element.currentSrc || "a media element"}, whose sound is not rendered: the film is silent`);
    }
  };
}
