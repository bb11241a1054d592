// node render.mjs JOB: renders one film. JOB is JSON: {url, out, browser, film, crf?, preset?, workers?}; what is not
// given stays at the renderer's default.
import { RenderOrchestrator, Renderer } from "@helios-project/renderer";

const job = JSON.parse(process.argv[2]);
const { width, height, fps, frames } = job.film;
const options = {
  width,
  height,
  fps,
  durationInSeconds: frames / fps,
  frameCount: frames,
  mode: "canvas",
  browserConfig: { executablePath: job.browser, args: ["--no-sandbox"] },
  ...(job.crf === undefined ? {} : { crf: job.crf }),
  ...(job.preset === undefined ? {} : { preset: job.preset }),
};
let announced = false;
const progress = {
  onProgress: (share) => {
    if (share > 0 && !announced) console.log("first-frame");
    announced ||= share > 0;
  },
};
if (job.workers > 1) {
  await RenderOrchestrator.render(job.url, job.out, { ...options, concurrency: job.workers }, progress);
} else {
  await new Renderer(options).render(job.url, job.out, progress);
}
