// What the pages with one video share.
"use strict";

// Shows on line 1 the media time of its picture, in frames of the video, 30 a second, and on line 2 its current time.
function follow(video) {
  show(0, 1);
  show(0, 2);
  video.requestVideoFrameCallback(function shown(now, { mediaTime }) {
    show(mediaTime * 30, 1);
    video.requestVideoFrameCallback(shown);
  });
  requestAnimationFrame(function draw() {
    show(ticks(video.currentTime * 1000), 2);
    requestAnimationFrame(draw);
  });
  return video;
}
