// This realm: the kernel it belongs to, its own time, and what the kernel has it do.
//
// The files after this one replace what the page calls and fill in the realm's hooks.

/** The kernel of the parent, if that is of the same origin. @returns {Kernel | null} */
function parentKernel() {
  if (!isWindow || window.parent === window) return null;
  try {
    const parentGate = window.parent.__heliosClock;
    return parentGate?.(config.secret)?.kernel || null;
  } catch {
    return null; // cross-origin: the driver moves this one along
  }
}

const inherited = parentKernel();
const kernel = inherited || createKernel();
/**
 * The kernel's time just before this realm was made. performance.now() counts from there, and so is never 0: a page that
 * says `start = start || now` would take that for no time at all.
 */
const birth = kernel.now - config.stepMs;
const now = () => kernel.now - birth;

// The driver's bindings are ours alone: a script of the page that had one could speak in the clock's name.
const joinDriver = globalThis.__heliosJoin;
const warnDriver = globalThis.__heliosWarn;
ReflectDeleteProperty(globalThis, "__heliosJoin");
ReflectDeleteProperty(globalThis, "__heliosWarn");

/** Tells the driver something. @param {object} note for clock_note() in notes.py */
function tellDriver(note) {
  if (warnDriver) warnDriver(`${config.secret} ${JSONStringify(note, shortenedText)}`);
}

/**
 * A value in a note, of which the driver keeps so much: an address may be a data: URL of many megabytes.
 * @param {string} _name @param {unknown} value
 */
const shortenedText = (_name, value) => (typeof value === "string" ? stringSlice(value, 0, 2000) : value);

/**
 * The one thing that the page can see of the clock: for frames of the same origin and for the driver, who know the
 * secret. It cannot be changed, removed or shadowed.
 * @param {string} secret
 */
const gate = (secret) => (secret === config.secret ? keys : undefined);
const keys = ObjectFreeze({
  __proto__: null,
  kernel,
  commands: kernel.commands,
  /** For closed_roots.py. @param {ShadowRoot} root @param {boolean} isOfElement */
  addShadowRoot: (root, isOfElement) => realm.addShadowRoot(root, isOfElement),
  /** For navigation.py. */
  layOut: () => realm.layOut(),
  /** For navigation.py. @param {string} url @param {number} delay */
  refresh: (url, delay) => realm.refresh(url, delay),
});
if (isWindow) ReflectDefineProperty(globalThis, "__heliosClock", { __proto__: null, value: gate });
if (!inherited && joinDriver && window.parent !== window) joinDriver(config.secret);

const viewOf = isWindow ? getterOf(Document.prototype, "defaultView") : () => null;

/** The realm's hooks. steps.js calls them, except where a comment names another file. */
const realm = {
  __proto__: null,
  alive: () => !isWindow || viewOf(document) === window,

  // Animations (animations.js), with media elements (media.js)
  /** @type {(time: number) => void} */
  moveTo() {},
  /** Notes what scripts have started, changed or inserted since the last time. */
  observe() {},
  /** The same of animations in shadow roots that the document does not list: each root is asked, which is dear. */
  observeRoots() {},
  /** When the next event of an animation or media element is due. */
  nextBoundary: () => Infinity,
  /** Whether the browser has not yet begun an animation that a script has started. */
  animationsPend: () => false,

  // Media elements (media.js)
  /** Seeks the videos to the present moment. */
  async showMedia() {},
  /** Whether something is under way that the page has begun: loading, seeking, events. */
  mediaPends: () => false,
  /** Waits for it. */
  async finishMedia() {},
  /** Whether videos play that are not on show, so that a script may draw them. */
  hidesVideos: () => false,
  /** Seeks those to the present moment. */
  async showHiddenVideos() {},
  /** Has the browser hand over the videos' pictures. Returns whether there are videos. */
  handOverPictures: () => false,
  /** A file cannot be played through an AudioContext (limits.js). @type {(address: string) => void} */
  cannotRoute() {},
  /** Notes what they play by now. */
  hear() {},
  /** Ends what they play: the document is shown no more. */
  leave() {},
  /** Notes a sound that a composition places, for hyperframes.js (media.js). @type {(element: HTMLMediaElement, place: SoundPlace | null) => void} */
  placeSound() {},
  /** Ends the videos and sounds whose end is reached. */
  endMedia() {},
  /** Finds the shadow roots that the markup declares. @type {(tree?: ParentNode) => void} */
  findOpenRoots() {},
  /**
   * Remembers a shadow root, for closed_roots.py (animations.js). isOfElement: of one of the browser's own elements.
   * @type {(root: ShadowRoot, isOfElement: boolean) => void}
   */
  addShadowRoot() {},
  /** The closed root of an element (animations.js). @type {(host: Element) => ShadowRoot | undefined} */
  closedRootOf: () => undefined,
  /** Keeps an animation of the clock's own from the page's eyes (animations.js). @type {(animation: Animation) => void} */
  hideAnimation() {},
  /** Finds what moves in a document or shadow root that has changed (animations.js, needs.js). @type {(tree: ParentNode) => void} */
  lookInto() {},
  /** Whether an image that moves is in the picture, by its key (moving_images.js). @type {(key: string) => number} */
  showsMoving: () => UNKNOWN,
  /** Tells the driver of what the page shows and nobody can move in time (moving_images.js). */
  refuse() {},
  /** Whether there may be new shadow roots that no script sees (needs.js). */
  madeInnerRoots: () => false,
  /** Whether style sheets may animate what the browser makes inside of form controls (parts.js). */
  animatesParts: () => false,
  /** The same of what <use> shows (parts.js). */
  animatesCopies: () => false,
  /** There is a closed shadow root that is copied with its host, for animations.js (needs.js). */
  copiesRoots() {},
  /** Watches a shadow root for media elements, for animations.js. @type {(root: Window | ShadowRoot) => void} */
  watchMedia() {},
  /** Has lookInto() called whenever something is inserted in a tree, for needs.js. @type {(tree: Document | ShadowRoot) => void} */
  watchInsertions() {},
  /** Watches a shadow root for images that fail, for animations.js (images.js). @type {(root: ShadowRoot) => void} */
  watchImages() {},
  /** @type {() => SafeSet<ShadowRoot>} (images.js) */
  closedRoots: () => new SafeSet(),
  /**
   * Whether a file that failed matters, by its address and the kind of its request (images.js).
   * @type {(address: string, kind: string, isNew: boolean) => number}
   */
  verdict: () => UNKNOWN,
  /** Whether an element has shown an image: "loaded", "failed" or "" (images.js). @type {(key: string) => string} */
  imageState: () => "",

  /** The texts drawn on canvases, each with its font (texts.js). @type {() => string[][]} */
  texts: () => list(),

  // What is in the picture (shown.js)
  /** The data: images that the page's styles name. @type {() => string[]} */
  imagesInStyles: () => list(),
  /** The address of the file that an element shows or names; "" for none. @type {(element: Element) => string} */
  addressOf: () => "",
  /** @type {(element: Element) => boolean} */
  inPicture: () => false,
  /** Whether an element is at most one pixel large. @type {(element: Element) => boolean} */
  isTiny: () => false,
  /** Whether an <object> has something to show in place of its file. @type {(element: Element) => boolean} */
  hasFallback: () => false,
  /**
   * Whether a file is in the picture. verdictOf: for an element that shows it.
   * @type {(key: string, kind: string, verdictOf: (element: Element) => number) => number}
   */
  showsFile: () => UNKNOWN,
  /** Forgets what showsFile() has found: it may have changed. */
  lookAnew() {},
  /**
   * Visits the elements in a document or shadow root that a style may give an image (styled.js).
   * Returns whether these are all.
   * @type {(tree: Document | ShadowRoot, visit: (element: Element) => void) => boolean}
   */
  visitStyled: () => false,
  /** Keeps events of smooth scrolls from a window or a shadow root, for animations.js (scrolls.js). @type {(root: Window | ShadowRoot) => void} */
  watchScrolls() {},
  /** Begins to scroll to the part of the document that its address names, if that is to be smooth (scrolls.js). */
  goToPart() {},
  /** Whether anything scrolls smoothly (scrolls.js). */
  scrolls: () => false,
  /** What is awaited of media elements, in words, for page.js. @type {() => string[]} */
  pendingMedia: () => list(),

  // Callbacks of the page's (frames.js)
  runAnimationFrames() {},
  runIdleCallbacks() {},
  /** Whether the page shows a canvas for WebGL and has drawn on none so far (webgl.js). */
  isBlank: () => false,

  // Loading (loads.js)
  /** Whether there are new images, scripts, style sheets or frames since the last time. */
  beganLoading: () => false,
  /**
   * Tells the driver of a request that the page may give up, for example after a time of its own. Time stands still for an
   * answer, and would for one that never comes. Takes its address, a text or a URL.
   * @type {(input: unknown) => void}
   */
  noteAbortable() {},

  // Navigation (navigation.js)
  /** Lays the document out, if it has waited for that since the last time. */
  layOut() {},
  /** Goes on to another document after some milliseconds, because the document's markup or header says so. @type {(url: string, delay: number) => void} */
  refresh() {},

  // What the page declares (page.js)
  /** @type {(time: number) => void} */
  applyContracts() {},
  /** Shows a HyperFrames composition at a time of the film, for page.js (hyperframes.js). @type {(time: number) => void} */
  showComposition() {},
  /** The composition that is the film, for page.js. @type {() => Element | null} */
  composition: () => null,
  /** When the last of what a composition shows ends, in seconds, for page.js. @type {() => number | null} */
  compositionSeconds: () => null,
  /** What a composition asks for that a film of this length does not have, in words (composition_warnings.js). @type {(seconds: number) => string[]} */
  compositionWarnings: () => list(),
  /** Blends the scenes of a composition, where HyperShader does, for page.js (hyperframes.js). */
  async blend() {},
  /** Has frames wait for a promise of a composition's. @type {(promise: Promise<unknown>, name: string) => void} */
  awaitComposition() {},
  /** @type {() => { __proto__: null, promise: Promise<unknown>, name: string }[]} */
  compositionWaits: () => list(),
  /**
   * Has the elements and styles of a nested composition's file name what lies beside that file, for nested.js (beside.js).
   * @type {(tree: Document, address: string) => void}
   */
  nameBeside() {},
  /**
   * Has the styles within an element hold there, and nowhere else, for nested.js (scopes.js). What it returns
   * has them mean the composition in the file where it has lost this id to an element of the page.
   * @type {(host: Element) => (id: string) => void}
   */
  scopeStyles: () => ignore,
  /** Selectors that find the composition in the file by an id that it has lost. @type {(selectors: string, id: string) => string} */
  selecting: (selectors) => selectors,
  /** Shows the nested compositions that are not shown yet, for hyperframes.js (nested.js). */
  mountCompositions() {},
  /** The timelines that nested compositions have registered. @type {() => { __proto__: null, host: Element, timelines: any }[]} */
  nestedTimelines: () => list(),
  /**
   * The values of a composition's variables, for nested.js (variables.js).
   * @type {(declared: string | null, given: string | null) => Record<string, any>}
   */
  variables: () => ({ __proto__: null }),
  /** Binds elements and styles to variables, for nested.js. @type {(composition: Element, values: Record<string, any>) => void} */
  bindVariables() {},
  /** Does so for the page, with its own variables. */
  bindPage() {},
  /** Whether the page's own ready promise is pending. */
  notReady: () => false,
  /** Waits for media, fonts and the page's own promise. */
  async settle() {},
  /** What settle() still waits for, in words, for kernel.js. @type {() => string[]} */
  pending: () => list(),

  // Warnings of the plan, for media elements (limits.js)
  /** The page plays a live stream in a video. */
  showsLive() {},
  /** The page plays a live stream that has no picture. */
  playsLive() {},
  /** The page looks at what an AudioContext plays for longer than one can render. */
  hearsTooLong() {},
  /** The server of a video does not take Range requests. @type {(element: HTMLMediaElement) => void} */
  cannotSeek() {},
  /**
   * An element cannot show any of these files. (media_faults.js)
   * @type {(addresses: string[], reason: string, isHandled: boolean) => void}
   */
  mediaFails() {},
  /** The page draws on chance that the seed does not rule. @type {(what: string) => void} */
  byChance() {},
};

/** @typedef {typeof realm} Realm */

kernel.join(realm);
