import { get, raw, encode, visible, accountQuery } from "./api.js";
import { download } from "./gateway.js";
import { h, size, date, section } from "./ui.js";

const TEXT = 128 * 1024, IMAGE = 12 * 1024 * 1024;
const images = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", bmp: "image/bmp", avif: "image/avif", ico: "image/x-icon" };

// preview shows a file: what is in it, and its versions.
export function preview(side, n, path, place, signal) {
  side.replaceChildren(h("h2", null, visible(n.name)), h("p", { class: "dim" }, `${size(n.size)}, changed ${date(n.mtime)}`),
    h("p", null, n.type === "file" ? h("a", download("/api/v1/content?download&path=" + path, n.name), "Download") : "Nothing that can be downloaded."),
    n.type === "file" ? section(() => content(n, path, signal)) : "",
    place?.snapshot ? [h("h2", null, "Versions"), section(() => versions(n, path, signal))] : "");
}

async function content(n, path, signal) {
  const media = images[n.name.toLowerCase().split(".").at(-1)];
  if (media && n.size <= IMAGE) return picture(n, media, path, signal);
  if (!n.size) return h("p", { class: "dim" }, "The file is empty.");
  const res = await raw("/content?path=" + path, n.size > TEXT ? { Range: `bytes=0-${TEXT - 1}` } : {}, signal);
  const bytes = new Uint8Array(await res.arrayBuffer());
  const [text, encoding] = decode(bytes);
  if (text === null) return h("p", { class: "dim" }, "This is no text.");
  return [h("p", { class: "dim" }, encoding + (n.size > bytes.length ? `, the first ${size(bytes.length)}` : "")), h("pre", { tabindex: 0, "aria-label": "content" }, text)];
}

// decode finds out how text is encoded; null: it is none.
function decode(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return [new TextDecoder("utf-16le").decode(bytes), "UTF-16"];
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return [new TextDecoder("utf-16be").decode(bytes), "UTF-16"];
  if (bytes.subarray(0, 8192).includes(0)) return [null, ""];
  try {
    return [new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true }), "UTF-8"];
  } catch {
    return [new TextDecoder("windows-1252").decode(bytes), "Windows-1252"];
  }
}

// picture draws an image. Nothing of it is taken for anything else.
async function picture(n, media, path, signal) {
  const res = await raw("/content?path=" + path, {}, signal);
  try {
    const image = await createImageBitmap(new Blob([await res.arrayBuffer()], { type: media }));
    const scale = Math.min(1, 1200 / image.width, 1200 / image.height);
    const canvas = h("canvas", { role: "img", "aria-label": `picture ${visible(n.name)}, ${image.width} by ${image.height}`, width: Math.max(1, Math.round(image.width * scale)), height: Math.max(1, Math.round(image.height * scale)) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  } catch {
    return h("p", { class: "dim" }, "The picture cannot be shown. It may be damaged.");
  }
}

async function versions(n, path, signal) {
  const all = (await get("/versions?path=" + path, signal)).filter((v) => v.changed).reverse();
  return h("ul", null, all.map((v) => h("li", null, h("a", download("/api/v1/content?download&path=" + encode(v.path, v.path_base64), n.name), v.snapshot), ` ${size(v.size)}, changed ${date(v.mtime)}`, v.first ? h("span", { class: "dim" }, " (first)") : null)));
}
