// What the pixels of maps say.

/** Whether each of `channels` is silent in a picture of maps: these go from black to white, unless all values are equal. */
export function silentMaps(image, channels, { width: mapWidth, height: mapHeight, atlasColumns }) {
  const { width, height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  const isSilent = (channel) => {
    const first = Math.floor(channel / atlasColumns) * mapHeight * width + (channel % atlasColumns) * mapWidth;
    for (let row = 0; row < mapHeight; row++)
      for (let at = first + row * width; at < first + row * width + mapWidth; at++)
        if (pixels[4 * at] !== pixels[4 * first]) return false;
    return true;
  };
  return channels.map((_, channel) => isSilent(channel));
}

/** The first pixel that has the most of a part: 0 is red, 3 opacity. */
export function largestPart(data, part) {
  let best = 0;
  for (let i = 1; i < data.length / 4; i++) if (data[4 * i + part] > data[4 * best + part]) best = i;
  return best;
}
