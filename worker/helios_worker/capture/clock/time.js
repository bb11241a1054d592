// What tells the time: Date, Intl, Temporal, performance.now, event.timeStamp.

const NativeDate = Date;
const dateToString = methodOf(Date.prototype, "toString");

/**
 * How far the time that scripts read is ahead of the kernel's, in milliseconds. It is 0, but for a script that asks for
 * the time over and over and does not return: it waits for a time that would never come.
 */
const ahead = (() => {
  const MANY_READINGS = 1_000_000;
  const STEP_MS = 0.05;
  let readings = 0;
  let steps = 0;
  let at = kernel.now;
  async function untilItReturns() {
    await own(macrotask());
    readings = steps = 0;
  }
  return () => {
    if (kernel.now !== at) {
      at = kernel.now;
      readings = 0;
    }
    readings += 1;
    if (readings < MANY_READINGS) return 0;
    if (steps === 0) void untilItReturns();
    steps += 1;
    return steps * STEP_MS;
  };
})();
/** Milliseconds since 1970. */
const wallClock = () => floor(config.epochMs + kernel.startedAt + kernel.now + ahead());

/**
 * @this {unknown}
 * @param {any[]} args
 */
function VirtualDate(...args) {
  if (!new.target) return dateToString(new NativeDate(wallClock()));
  return ReflectConstruct(NativeDate, args.length === 0 ? [wallClock()] : args, new.target);
}
ReflectDefineProperty(VirtualDate, "name", { __proto__: null, value: "Date" });
ReflectDefineProperty(VirtualDate, "length", { __proto__: null, value: 7 });
VirtualDate.prototype = NativeDate.prototype;
VirtualDate.parse = NativeDate.parse;
VirtualDate.UTC = NativeDate.UTC;
VirtualDate.now = () => wallClock();
NativeDate.prototype.constructor = VirtualDate;
patch(globalThis, "Date", { __proto__: null, value: VirtualDate });

{
  const { prototype } = Intl.DateTimeFormat;
  const formatOf = getterOf(prototype, "format");
  const formatToParts = methodOf(prototype, "formatToParts");
  patch(prototype, "format", {
    __proto__: null,
    get() {
      const formatter = formatOf(this);
      return (/** @type {Date | number | undefined} */ date) => formatter(date === undefined ? wallClock() : date);
    },
  });
  patch(prototype, "formatToParts", function (date) {
    return formatToParts(this, date === undefined ? wallClock() : date);
  });
}

if (globalThis.Temporal) {
  const { Instant, Now, ZonedDateTime } = globalThis.Temporal;
  const { fromEpochMilliseconds } = Instant;
  const { timeZoneId } = Now;
  const inZone = methodOf(Instant.prototype, "toZonedDateTimeISO");
  const toPlainDateTime = methodOf(ZonedDateTime.prototype, "toPlainDateTime");
  const toPlainDate = methodOf(ZonedDateTime.prototype, "toPlainDate");
  const toPlainTime = methodOf(ZonedDateTime.prototype, "toPlainTime");
  const instant = () => fromEpochMilliseconds(wallClock());
  /** @param {string} [zone] */
  const zoned = (zone) => inZone(instant(), zone || timeZoneId());
  patch(Now, "instant", () => instant());
  patch(Now, "zonedDateTimeISO", (zone) => zoned(zone));
  patch(Now, "plainDateTimeISO", (zone) => toPlainDateTime(zoned(zone)));
  patch(Now, "plainDateISO", (zone) => toPlainDate(zoned(zone)));
  patch(Now, "plainTimeISO", (zone) => toPlainTime(zoned(zone)));
}

patch(Performance.prototype, "now", () => now() + ahead());
patch(Performance.prototype, "timeOrigin", { __proto__: null, get: () => config.epochMs + kernel.startedAt + birth });
if (globalThis.Event) patch(Event.prototype, "timeStamp", { __proto__: null, get: () => now() });
