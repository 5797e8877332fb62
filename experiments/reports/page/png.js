// Pictures that carry what they are made of: title, data and command as text in the file (PNG, third edition, iTXt).

const CRC = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0; });
function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

// Length, kind, data and checksum; the text is UTF-8, its language is not said, and it is not compressed.
function chunk(key, text) {
  const body = new TextEncoder().encode(`iTXt${key}\0\0\0\0\0${text}`), made = new Uint8Array(body.length + 8), view = new DataView(made.buffer);
  view.setUint32(0, body.length - 4);
  made.set(body, 4);
  view.setUint32(body.length + 4, crc(body));
  return made;
}

const CAPTION = 28, LAST_CHUNK = 12; // pixels above the chart for its title; bytes of the chunk that ends a PNG

async function png(canvas, title, facts) {
  const ratio = canvas.width / canvas.clientWidth, made = document.createElement("canvas"), c = made.getContext("2d");
  made.width = canvas.width; made.height = canvas.height + CAPTION * ratio;
  c.fillStyle = ink.paper; c.fillRect(0, 0, made.width, made.height);
  c.fillStyle = ink.ink; c.font = `bold ${14 * ratio}px system-ui, sans-serif`; c.fillText(title, 8 * ratio, 19 * ratio, made.width - 16 * ratio);
  c.drawImage(canvas, 0, CAPTION * ratio);
  const blob = await new Promise(done => made.toBlob(done, "image/png")), bytes = new Uint8Array(await blob.arrayBuffer());
  return new Blob([bytes.subarray(0, -LAST_CHUNK), ...Object.entries(facts).map(([key, text]) => chunk(key, text)), bytes.subarray(-LAST_CHUNK)], { type: "image/png" });
}
