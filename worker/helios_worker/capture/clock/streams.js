// Streams and bodies. A stream that the browser fills, such as a Blob's or an answer's, is waited for whenever the page
// reads from it. One that a script feeds is not: it may wait for the script's next step, and that for the clock.

if (globalThis.ReadableStream) {
  /**
   * Streams that a script feeds: true. Those that the browser feeds, through a script's hands: false.
   * @type {SafeWeakMap<object, boolean>}
   */
  const scripted = new SafeWeakMap();
  /** @type {FlightOptions} */
  const doubtful = { __proto__: null, doubtful: true, resumes: true };

  /** How to wait for what a stream brings; null for not at all. @param {any} stream */
  const optionsFor = (stream) => (scripted.get(stream) ? null : doubtful);

  // Where a script's streams come from
  /** @type {any} */
  const globals = globalThis;
  afterConstruct("ReadableStream", (stream, args) => args.length > 0 && args[0] && scripted.set(stream, true));
  const { prototype } = ReadableStream;
  after(/** @type {any} */ (ReadableStream), "from", (_class, _args, stream) => scripted.set(stream, true));
  afterRead(globals.TransformStream?.prototype, "readable", (_transform, stream) => {
    if (scripted.get(stream) === undefined) scripted.set(stream, true);
  });

  // Where they lead to
  const isScripted = (/** @type {any} */ stream) => scripted.get(stream) === true;
  after(prototype, "pipeThrough", (source, _args, stream) => {
    // What comes out is fed by what goes in.
    if (!isScripted(source) && stream) scripted.set(stream, false);
  });
  after(prototype, "tee", (source, _args, branches) => {
    if (!branches || !isScripted(source)) return;
    scripted.set(branches[0], true);
    scripted.set(branches[1], true);
  });

  // Reading
  /** @type {SafeWeakMap<object, object>} of each reader and iterator */
  const streams = new SafeWeakMap();
  after(prototype, "getReader", (stream, _args, reader) => {
    streams.set(reader, stream);
  });
  const { value: Reader } = descriptorOf(globals, "ReadableStreamDefaultReader");
  const { value: ByteReader } = descriptorOf(globals, "ReadableStreamBYOBReader");
  const ofReader = (/** @type {any} */ reader) => {
    const stream = streams.get(reader);
    return stream ? optionsFor(stream) : null;
  };
  countPromise(Reader?.prototype, "read", "reading a stream", ofReader);
  countPromise(ByteReader?.prototype, "read", "reading a stream", ofReader);
  const { value: values } = descriptorOf(prototype, "values");
  if (values) {
    const iteratorPrototype = ReflectGetPrototypeOf(ReflectApply(values, new ReadableStream(), []));
    countPromise(iteratorPrototype, "next", "reading a stream", ofReader);
    /** @this {any} @param {any[]} args */
    const iterate = function (...args) {
      const iterator = ReflectApply(values, this, args);
      streams.set(iterator, this);
      return iterator;
    };
    patch(/** @type {any} */ (prototype), "values", iterate);
    const found = descriptorOf(prototype, Symbol.asyncIterator);
    ReflectDefineProperty(prototype, Symbol.asyncIterator, { __proto__: null, ...found, value: iterate });
  }
  countPromise(prototype, "pipeTo", "piping a stream", optionsFor);

  // Bodies of answers and requests
  const bodies = list("arrayBuffer", "blob", "bytes", "formData", "json", "text");
  const countBodies = (/** @type {string} */ name) => {
    const { value: Class } = descriptorOf(globals, name);
    if (!Class) return;
    const bodyOf = getterOf(Class.prototype, "body");
    for (let index = 0; index < bodies.length; index += 1) {
      // An answer whose request the page gave up may never come.
      countPromise(Class.prototype, bodies[index], `${name}.${bodies[index]}`, (self) => optionsFor(bodyOf(self)));
    }
  };
  countBodies("Response");
  countBodies("Request");

  // Files that are written
  const { value: FileStream } = descriptorOf(globals, "FileSystemWritableFileStream");
  if (FileStream) {
    /** @type {SafeWeakSet<object>} the streams to files, and their writers */
    const files = new SafeWeakSet();
    const { value: FileHandle } = descriptorOf(globals, "FileSystemFileHandle");
    countPromise(FileHandle?.prototype, "createWritable", "FileSystemFileHandle.createWritable", undefined, (stream) =>
      files.add(stream),
    );
    /** @param {any} stream */
    const ofFile = (stream) => (files.has(stream) ? doubtful : null);
    after(WritableStream.prototype, "getWriter", (stream, _args, writer) => {
      if (files.has(stream)) files.add(writer);
    });
    countPromise(WritableStream.prototype, "close", "closing a file", ofFile);
    countPromise(WritableStream.prototype, "abort", "closing a file", ofFile);
    const { value: Writer } = descriptorOf(globals, "WritableStreamDefaultWriter");
    countPromise(Writer?.prototype, "write", "writing a file", ofFile);
    countPromise(Writer?.prototype, "close", "closing a file", ofFile);
    countPromise(Writer?.prototype, "abort", "closing a file", ofFile);
  }
  const { value: Folder } = descriptorOf(globals, "FileSystemDirectoryHandle");
  if (Folder) {
    // The iterators' class is reached through the first of them.
    let isPatched = false;
    /** @param {"entries" | "keys" | "values" | typeof Symbol.asyncIterator} name */
    const watch = (name) => {
      const found = descriptorOf(Folder.prototype, name);
      const { value: call } = found;
      if (typeof call !== "function") return;
      /** @this {any} */
      const iterate = function () {
        const iterator = ReflectApply(call, this, []);
        if (!isPatched && iterator) {
          isPatched = true;
          countPromise(ReflectGetPrototypeOf(iterator), "next", "listing a folder");
        }
        return iterator;
      };
      ReflectDefineProperty(Folder.prototype, name, { __proto__: null, ...found, value: iterate });
    };
    watch("entries");
    watch("keys");
    watch("values");
    watch(Symbol.asyncIterator);
  }
}
