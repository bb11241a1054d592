// What the virtual clock's parts find in a realm beside what every browser has.

/** Set in front of the parts: clock/__init__.py says what each means. */
declare const config: {
  secret: string;
  seed: number;
  startMs: number;
  stepMs: number;
  epochMs: number;
  realmName: string;
  waitFor?: string;
  hears?: number;
  hearsLong?: boolean;
  looksAtSound?: boolean;
  props?: unknown;
};

/** The gate to a window's clock, for those who know the secret (realm.js). */
type Gate = (secret: string) => { kernel: Kernel; commands: Kernel["commands"] } | undefined;
declare var __heliosClock: Gate | undefined;

/** The driver's bindings (environment.py): a cross-origin frame joins; the plan gets a warning. */
declare var __heliosJoin: ((payload: string) => void) | undefined;
declare var __heliosWarn: ((payload: string) => void) | undefined;

/** What a page may define, or expects. A page can put anything there, so little is taken for granted. */
interface Window {
  __heliosClock?: Gate;
  __HELIOS_PROPS__?: unknown;
  __HELIOS_READY__?: PromiseLike<unknown> | (() => PromiseLike<unknown> | undefined);
  __HELIOS_VIRTUAL_TIME__?: number;
  __timelines?: Record<string, { seek?: unknown } | undefined>;
  gsap?: { ticker?: { lagSmoothing?: (threshold: number) => void; frame?: number; tick?: () => void } };
  helios?: { fps?: unknown; duration?: unknown; width?: unknown; height?: unknown; waitUntilStable?: () => Promise<void> };
}

// Literals of the clock inherit nothing (primordials.js).
interface PropertyDescriptor {
  __proto__?: null;
}
interface ProxyHandler<T extends object> {
  __proto__?: null;
}
interface MutationObserverInit {
  __proto__?: null;
}
interface SchedulerPostTaskOptions {
  __proto__?: null;
}
interface FilePropertyBag {
  __proto__?: null;
}
interface PerformanceMarkOptions {
  __proto__?: null;
}
interface PerformanceMeasureOptions {
  __proto__?: null;
}
declare var NavigatorUAData: any;
