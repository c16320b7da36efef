// Colours around 0: one for positive values, another for negative ones, and nothing where it is 0.

import { colour } from "./dom.js";

const ZERO = 128;

/** A canvas with a picture of the server, whose bytes are values around 128, in the colours of the page. */
export function diverging(image) {
  const { width, height } = image;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, width, height);
  const [plus, minus] = ["plus", "minus"].map((name) => colour(name).match(/[\d.]+/g).map(Number));
  for (let at = 0; at < pixels.data.length; at += 4) {
    const value = pixels.data[at] - ZERO;
    const [r, g, b] = value < 0 ? minus : plus;
    const alpha = Math.min(255, Math.round((Math.abs(value) / 127) * 255));
    pixels.data.set([r, g, b, alpha], at);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
