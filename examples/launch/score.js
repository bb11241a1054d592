// The sound of the film, made here by Web Audio: no recording, and no library. Everything is scheduled at once, at the times
// at which film.css and film.js show something. Times are in seconds, pitches in semitones above D3.

const context = new AudioContext();
const start = context.currentTime;

const D3 = 146.83;
const hertz = (pitch) => D3 * 2 ** (pitch / 12);
const D_MAJOR = [-12, 0, 7, 14, 16, 21];
const PENTATONIC = [0, 2, 4, 7, 9, 12, 14, 16, 19, 21, 24, 26];

/** Noise that is the same in every run. */
function noise(seconds, loudness = () => 1) {
  const buffer = context.createBuffer(1, Math.round(seconds * context.sampleRate), context.sampleRate);
  const samples = buffer.getChannelData(0);
  let state = 1;
  for (let at = 0; at < samples.length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    samples[at] = (state / 2 ** 31 - 1) * loudness(at / context.sampleRate);
  }
  return buffer;
}

// --- the room ----------------------------------------------------------------------------------------------------

const master = new GainNode(context, { gain: 2 });
master.connect(context.destination);
const echo = noise(1.6, (time) => Math.exp(-3.4 * time));
const room = new ConvolverNode(context, { buffer: echo, channelCount: 1, channelCountMode: "explicit" });
const wet = new GainNode(context, { gain: 0.5 });
room.connect(wet).connect(master);

/** A way into the room: loudness over time, a place from left to right, and how far away it is. */
function voice({ at, length, attack, level, pan = 0, far = 0.3 }) {
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, start + at);
  gain.gain.linearRampToValueAtTime(level, start + at + attack);
  gain.gain.setTargetAtTime(0, start + at + attack, (length - attack) / 4);
  const place = new StereoPannerNode(context, { pan });
  gain.connect(place);
  place.connect(new GainNode(context, { gain: 1 - far })).connect(master);
  place.connect(new GainNode(context, { gain: far })).connect(room);
  return gain;
}

function oscillator(type, frequency, at, length, detune = 0) {
  const source = new OscillatorNode(context, { type, frequency, detune });
  source.start(start + at);
  source.stop(start + at + length);
  return source;
}

// --- the instruments ---------------------------------------------------------------------------------------------

/** A bell: two tones that ring, the upper one shorter. */
function bell(at, pitch, level = 0.12, pan = 0) {
  oscillator("sine", hertz(pitch), at, 2.4).connect(voice({ at, length: 2.2, attack: 0.004, level, pan, far: 0.4 }));
  const upper = voice({ at, length: 0.7, attack: 0.002, level: level * 0.35, pan, far: 0.4 });
  oscillator("sine", hertz(pitch) * 2.76, at, 1).connect(upper);
}

/** A chord of soft saws whose light opens and closes. */
function pad(at, length, pitches, { level = 0.09, from = 200, to = 1400 } = {}) {
  const light = new BiquadFilterNode(context, { type: "lowpass", Q: 0.7, frequency: from });
  light.frequency.setValueAtTime(from, start + at);
  light.frequency.exponentialRampToValueAtTime(to, start + at + length * 0.6);
  light.frequency.exponentialRampToValueAtTime(from, start + at + length);
  light.connect(voice({ at, length, attack: length * 0.5, level, far: 0.5 }));
  for (const pitch of pitches) {
    for (const detune of [-7, 7]) oscillator("sawtooth", hertz(pitch), at, length + 1, detune).connect(light);
  }
}

/** A drum whose pitch falls. */
function drum(at, level = 0.5) {
  const skin = oscillator("sine", 130, at, 0.9);
  skin.frequency.setValueAtTime(130, start + at);
  skin.frequency.exponentialRampToValueAtTime(42, start + at + 0.14);
  skin.connect(voice({ at, length: 0.8, attack: 0.003, level, far: 0.1 }));
}

const hiss = noise(1);
/** Air that passes by. */
function air(at, length, { level, from, to, pan = 0, attack = length * 0.8 }) {
  const band = new BiquadFilterNode(context, { type: "bandpass", Q: 1.2, frequency: from });
  band.frequency.setValueAtTime(from, start + at);
  band.frequency.exponentialRampToValueAtTime(to, start + at + length);
  const source = new AudioBufferSourceNode(context, { buffer: hiss, loop: true });
  source.connect(band).connect(voice({ at, length, attack, level, pan, far: 0.3 }));
  source.start(start + at);
  source.stop(start + at + length + 0.6);
}

// --- the score ---------------------------------------------------------------------------------------------------

// 0.0: the sun rises, and becomes the dot of the i.
pad(0, 2.9, D_MAJOR);
air(0.1, 1.2, { level: 0.05, from: 300, to: 1800 });
bell(1.8, 24, 0.14);

// 2.4: it floods the picture; the statement stands.
air(2.4, 0.55, { level: 0.22, from: 400, to: 5000 });
drum(2.95, 0.6);
pad(2.95, 2.1, [-17, -5, 2, 9, 14], { level: 0.08, to: 900 });
[2.8, 2.92, 3.04].forEach((at, line) => bell(at, PENTATONIC[4 + line], 0.07, line / 2 - 0.5));

// 3.2: one tick after the other along the ruler.
for (let at = 3.2; at < 4.7; at += 0.125) air(at, 0.03, { level: 0.05, from: 6000, to: 3000, pan: (at - 4) / 1, attack: 0.002 });

// 5.25: one page, cut in time, rendered side by side: twelve cards in four chunks of three.
air(4.86, 0.6, { level: 0.12, from: 4000, to: 500, attack: 0.05 });
pad(5.2, 3.6, [-15, -3, 4, 9, 16], { level: 0.08, to: 1800 });
drum(5.5, 0.4);
for (let cut = 0; cut < 12; cut += 1) bell(6 + cut * 0.045, PENTATONIC[cut], 0.05, cut / 6 - 0.92);
[[7.0, 7.95], [7.05, 8.15], [7.0, 7.7], [7.1, 8.05]].forEach(([begin, end], chunk) => {
  for (let card = 0; card < 3; card += 1) {
    bell(begin + ((end - begin) * card) / 3, PENTATONIC[chunk * 2 + card], 0.07, chunk / 1.5 - 1);
  }
});

// 8.3: joined without a seam: one film.
[8.65, 8.85, 9.5].forEach((at, beat) => drum(at, 0.35 + 0.1 * beat));
pad(8.8, 1.7, [-10, 2, 5, 9, 14], { level: 0.08, from: 400, to: 2600 });
air(9.35, 0.75, { level: 0.09, from: 500, to: 4000, pan: 0.4 });

// 10.0: the sun sets into the title.
pad(10, 2, D_MAJOR, { level: 0.1, to: 1100 });
drum(10, 0.5);
[0, 7, 14, 16, 24].forEach((pitch, note) => bell(10.5 + note * 0.06, pitch, 0.09, note / 4 - 0.5));
