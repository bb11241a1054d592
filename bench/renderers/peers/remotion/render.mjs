// node render.mjs JOB: renders one film. JOB is JSON: {bundle, out, browser, film, crf?, preset?, workers?}; what is
// not given stays at Remotion's default.
import { renderMedia, selectComposition } from "@remotion/renderer";

const job = JSON.parse(process.argv[2]);
const shared = {
  serveUrl: job.bundle,
  inputProps: job.film,
  browserExecutable: job.browser,
  chromeMode: "headless-shell",
};
const composition = await selectComposition({ ...shared, id: "film" });
let announced = false;
await renderMedia({
  ...shared,
  composition,
  codec: "h264",
  outputLocation: job.out,
  overwrite: true,
  ...(job.crf === undefined ? {} : { crf: job.crf }),
  ...(job.preset === undefined ? {} : { x264Preset: job.preset }),
  ...(job.workers === undefined ? {} : { concurrency: job.workers }),
  onProgress: ({ renderedFrames }) => {
    if (renderedFrames > 0 && !announced) console.log("first-frame");
    announced ||= renderedFrames > 0;
  },
});
