// What is answered by events on an object of its own: IndexedDB's requests and transactions, and FileReader.

{
  /** @type {any} */
  const globals = globalThis;
  const listen = methodOf(EventTarget.prototype, "addEventListener");

  /** @type {SafeWeakMap<object, Flight | null>} of each object that is listened to: its work that is in flight */
  const flights = new SafeWeakMap();

  /**
   * Counts work whose end an event tells.
   * @param {any} object that the event comes to
   * @param {string} name for reports
   * @param {string[]} events that end it
   * @param {FlightOptions} options
   */
  function countEvents(object, name, events, options) {
    const before = flights.get(object);
    if (before === undefined) {
      const end = () => {
        const flight = flights.get(object);
        if (!flight) return;
        flights.set(object, null);
        work.end(flight);
      };
      for (let index = 0; index < events.length; index += 1) listen(object, events[index], end);
    }
    if (before) work.end(before);
    flights.set(object, work.begin(name, realm, options));
  }

  const { value: Reader } = descriptorOf(globals, "FileReader");
  if (Reader) {
    const stateOf = getterOf(Reader.prototype, "readyState");
    const ends = list("loadend");
    const read = (/** @type {string} */ method) =>
      after(Reader.prototype, method, (reader) =>
        countEvents(reader, `FileReader.${method}`, ends, {
          __proto__: null,
          ended: () => stateOf(/** @type {any} */ (reader)) !== 1,
        }),
      );
    read("readAsArrayBuffer");
    read("readAsBinaryString");
    read("readAsDataURL");
    read("readAsText");
  }

  const { value: Request } = descriptorOf(globals, "IDBRequest");
  if (Request) {
    const stateOf = getterOf(Request.prototype, "readyState");
    const ends = list("success", "error");
    /** @param {any} request @returns {FlightOptions} */
    const untilDone = (request) => ({ __proto__: null, ended: () => stateOf(request) === "done" });
    /** @param {any} request @param {string} name */
    const countRequest = (request, name) => countEvents(request, name, ends, untilDone(request));

    /** @param {string} names of a class and of its methods that return a request */
    const count = (names) => {
      const parts = wordsOf(names);
      const { value: Class } = descriptorOf(globals, parts[0]);
      for (let index = 1; index < parts.length; index += 1) {
        const method = parts[index];
        after(Class?.prototype, method, (_self, _args, request) => {
          if (request) countRequest(request, `IndexedDB ${method}`);
        });
      }
    };
    count("IDBObjectStore get getKey getAll getAllKeys getAllRecords put add delete clear count openCursor openKeyCursor");
    count("IDBIndex get getKey getAll getAllKeys getAllRecords count openCursor openKeyCursor");
    count("IDBCursor update delete");

    // Opening and deleting wait for the page to close its other connections, if it has any.
    const opens = list("success", "error", "blocked");
    /** Those that waited for it at some time. @type {SafeMap<any, string>} */
    const blocked = new SafeMap();
    const countOpen = (/** @type {"open" | "deleteDatabase"} */ method) =>
      after(globals.IDBFactory?.prototype, method, (_self, _args, request) => {
        if (!request) return;
        countEvents(request, `IndexedDB ${method}`, opens, untilDone(request));
        listen(request, "blocked", () => blocked.set(request, `IndexedDB ${method}`));
      });
    after(globals.IDBDatabase?.prototype, "close", () =>
      blocked.forEach((name, request) => {
        if (stateOf(request) === "done") return blocked.delete(request);
        return countEvents(request, name, opens, { __proto__: null, ...untilDone(request), doubtful: true });
      }),
    );
    countOpen("open");
    countOpen("deleteDatabase");
    countPromise(globals.IDBFactory?.prototype, "databases", "IndexedDB databases");

    const { value: Cursor } = descriptorOf(globals, "IDBCursor");
    const requestOf = Cursor ? getterOf(Cursor.prototype, "request") : () => undefined;
    const move = (/** @type {string} */ method) =>
      after(Cursor?.prototype, method, (cursor) => {
        const request = requestOf(cursor);
        if (request) countRequest(request, `IndexedDB cursor's ${method}`);
      });
    move("continue");
    move("advance");
    move("continuePrimaryKey");

    const finishes = list("complete", "abort");
    after(globals.IDBDatabase?.prototype, "transaction", (_self, _args, transaction) => {
      if (transaction) countEvents(transaction, "IndexedDB transaction", finishes, { __proto__: null });
    });
  }
}
