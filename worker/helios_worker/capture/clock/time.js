// What tells the time: Date, Intl, Temporal, performance.now, event.timeStamp.

const NativeDate = Date;
const wallClock = () => Math.floor(config.epochMs + kernel.now);

/**
 * @this {unknown}
 * @param {any[]} args
 */
function VirtualDate(...args) {
  if (!new.target) return new NativeDate(wallClock()).toString();
  return Reflect.construct(NativeDate, args.length === 0 ? [wallClock()] : args, new.target);
}
Object.defineProperty(VirtualDate, "name", { value: "Date" });
Object.defineProperty(VirtualDate, "length", { value: 7 });
VirtualDate.prototype = NativeDate.prototype;
VirtualDate.parse = NativeDate.parse;
VirtualDate.UTC = NativeDate.UTC;
VirtualDate.now = () => wallClock();
NativeDate.prototype.constructor = VirtualDate;
Object.defineProperty(globalThis, "Date", { value: VirtualDate, writable: true, configurable: true });

{
  const format = accessor(Intl.DateTimeFormat.prototype, "format");
  const formatToParts = Intl.DateTimeFormat.prototype.formatToParts;
  patch(Intl.DateTimeFormat.prototype, "format", {
    get() {
      const formatter = format.get.call(this);
      return (/** @type {Date | number | undefined} */ date) => formatter(date === undefined ? wallClock() : date);
    },
  });
  patch(Intl.DateTimeFormat.prototype, "formatToParts", function (date) {
    return formatToParts.call(this, date === undefined ? wallClock() : date);
  });
}

if (globalThis.Temporal) {
  const { Temporal } = globalThis;
  const instant = () => Temporal.Instant.fromEpochMilliseconds(wallClock());
  /** @param {string} [zone] */
  const zoned = (zone) => instant().toZonedDateTimeISO(zone || Temporal.Now.timeZoneId());
  patch(Temporal.Now, "instant", () => instant());
  patch(Temporal.Now, "zonedDateTimeISO", (zone) => zoned(zone));
  patch(Temporal.Now, "plainDateTimeISO", (zone) => zoned(zone).toPlainDateTime());
  patch(Temporal.Now, "plainDateISO", (zone) => zoned(zone).toPlainDate());
  patch(Temporal.Now, "plainTimeISO", (zone) => zoned(zone).toPlainTime());
}

patch(Performance.prototype, "now", () => now());
patch(Performance.prototype, "timeOrigin", { get: () => config.epochMs + birth });
if (globalThis.Event) patch(Event.prototype, "timeStamp", { get: () => now() });
