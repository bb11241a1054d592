export const every = (milliseconds, callback) => setInterval(callback, milliseconds);
