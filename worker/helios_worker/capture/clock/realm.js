// This realm: the kernel it belongs to, its own time, and what the kernel has it do.
//
// The files after this one replace what the page calls and fill in the realm's hooks.

const isWindow = typeof window === "object" && typeof document === "object";

function parentKernel() {
  if (!isWindow || window.parent === window) return null;
  try {
    return window.parent.__heliosClock || null;
  } catch {
    return null; // cross-origin: the driver moves this one along
  }
}

const inherited = parentKernel();
const kernel = inherited || createKernel();
/** The kernel's time when this realm was made. performance.now() of a frame or worker counts from there. */
const birth = kernel.now;
const now = () => kernel.now - birth;

Object.defineProperty(globalThis, "__heliosClock", { value: kernel, configurable: true });
if (!inherited && globalThis.__heliosJoin && !(isWindow && window.parent === window)) globalThis.__heliosJoin("root");

/** The realm's hooks. steps.js calls them, except where a comment names another file. */
const realm = {
  alive: () => !isWindow || document.defaultView === window,

  // Animations (animations.js), with media elements (media.js)
  /** @type {(time: number) => void} */
  moveTo() {},
  /** Notes what scripts have started, changed or inserted since the last time. */
  observe() {},
  /** When the next event of an animation or media element is due. */
  nextBoundary: () => Infinity,
  /** Whether the browser has not yet begun an animation that a script has started. */
  animationsPend: () => false,

  // Media elements (media.js)
  /**
   * Seeks the videos to the present moment. loaded: only those that have loaded already.
   * @type {(options?: { loaded?: boolean }) => Promise<void>}
   */
  async showMedia() {},
  /** Has the browser hand over the videos' pictures. Returns whether there are videos. */
  handOverPictures: () => false,
  /** Ends the videos and sounds whose end is reached. */
  endMedia() {},
  /** Finds the shadow roots that the markup declares. @type {(tree?: ParentNode) => void} */
  findOpenRoots() {},
  /** Watches a shadow root for media elements, for animations.js. @type {(root: Window | ShadowRoot) => void} */
  watchMedia() {},
  /** What is awaited of media elements, in words, for page.js. @type {() => string[]} */
  pendingMedia: () => [],

  // Callbacks of the page's (frames.js)
  runAnimationFrames() {},
  runIdleCallbacks() {},

  // Loading (loads.js)
  /** Whether there are new images, scripts, style sheets or frames since the last time. */
  beganLoading: () => false,

  // What the page declares (page.js)
  /** @type {(time: number) => void} */
  applyContracts() {},
  /** Whether the page's own ready promise is pending. */
  notReady: () => false,
  /** Waits for media, fonts and the page's own promise. */
  async settle() {},
  /** What settle() still waits for, in words, for kernel.js. @type {() => string[]} */
  pending: () => [],

  // Warnings of the plan, for media elements (limits.js)
  /** The page shows a live stream. */
  showsLive() {},
  /** The server of a video does not take Range requests. @type {(element: HTMLMediaElement) => void} */
  cannotSeek() {},
  /** The page plays an <audio>. @type {(element: HTMLMediaElement) => void} */
  sounds() {},
};

/** @typedef {typeof realm} Realm */

kernel.join(realm);
