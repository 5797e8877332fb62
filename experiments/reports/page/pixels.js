// A picture whose rectangles are written into memory: a hundred thousand of them take a few milliseconds, which no canvas does by itself.

class Pixels {
  constructor() { this.canvas = document.createElement("canvas"); this.context = this.canvas.getContext("2d"); }
  // Begin an empty picture of so many pixels of the page.
  begin(width, height) {
    this.ratio = window.devicePixelRatio || 1;
    const wide = Math.max(1, Math.round(width * this.ratio)), high = Math.max(1, Math.round(height * this.ratio));
    if (!this.image || this.canvas.width !== wide || this.canvas.height !== high) {
      this.canvas.width = wide; this.canvas.height = high;
      this.image = this.context.createImageData(wide, high);
      this.words = new Uint32Array(this.image.data.buffer);
    }
    this.words.fill(0);
  }
  // Fill from (x0, y0) up to (x1, y1), at least one pixel; with every >= 2, only each so many-eth column.
  rect(x0, y0, x1, y1, word, every = 1) {
    const { width, height } = this.canvas, r = this.ratio;
    const left = Math.max(0, Math.round(x0 * r)), right = Math.min(width, Math.max(Math.round(x1 * r), Math.round(x0 * r) + 1));
    const top = Math.max(0, Math.round(y0 * r)), bottom = Math.min(height, Math.max(Math.round(y1 * r), Math.round(y0 * r) + 1));
    if (right <= left) return;
    for (let y = top; y < bottom; y++) {
      if (every === 1 && right - left > 8) this.words.fill(word, y * width + left, y * width + right);
      else for (let at = y * width + left, last = y * width + right; at < last; at += every) this.words[at] = word;
    }
  }
  // Lay it over a chart.
  put(context, width, height) {
    this.context.putImageData(this.image, 0, 0);
    context.drawImage(this.canvas, 0, 0, width, height);
  }
}

// "#rrggbb" as a pixel in memory, on machines whose lowest byte comes first, which are all that have browsers.
function word(hex, opacity = 1) {
  const [r, g, b] = [1, 3, 5].map(k => parseInt(hex.slice(k, k + 2), 16));
  return ((Math.round(255 * opacity) << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
