import { get, raw, encode, shown, visible } from "./api.js";
import { download } from "./gateway.js";
import { h, size, date, section, problem, count } from "./ui.js";
import { ENCODINGS, guess, decode } from "./text.js";
import { looksLikeMail, message } from "./mail.js";

const TEXT = 128 * 1024, MAIL = 512 * 1024, IMAGE = 12 * 1024 * 1024;
const images = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", bmp: "image/bmp", avif: "image/avif", ico: "image/x-icon" };

// preview shows a file: what is in it, and its versions.
export function preview(side, n, path, place, signal, close) {
  const file = n.type === "file";
  side.replaceChildren(h("h2", null, visible(n.name).slice(0, 400)), h("button", { type: "button", class: "close", "aria-label": "close", onclick: close }, "✕"),
    h("p", { class: "dim" }, `${size(n.size)}, changed ${date(n.mtime)}`),
    file ? h("p", null, h("a", { class: "button", ...download("/api/v1/content?download&path=" + path, n.name) }, "Download")) : h("p", null, "Nothing that can be downloaded."),
    file ? section(() => content(n, path, signal)) : "",
    ...(place?.snapshot ? [h("h2", null, "Versions"), section(() => versions(n, path, signal))] : []));
}

async function content(n, path, signal) {
  if (!n.size) return h("p", { class: "dim" }, "The file is empty.");
  const name = n.name.toLowerCase(), media = images[name.split(".").at(-1)];
  if (media && n.size <= IMAGE) return picture(n, media, path, signal);
  if (/\.sql(\.gz)?$/.test(name)) return [section(() => dump(path, signal)), name.endsWith(".gz") ? "" : h("details", null, h("summary", null, "Beginning of the text"), section(() => text(n, path, signal)))];
  return text(n, path, signal);
}

async function text(n, path, signal) {
  const maybeMail = /\/(cur|new|tmp)\/[^/]*$|\.eml$|2%2C[A-Za-z]*$|2,[A-Za-z]*$/.test(path), most = maybeMail ? MAIL : TEXT;
  const res = await raw("/content?path=" + path, n.size > most ? { Range: `bytes=0-${most - 1}` } : {}, signal);
  const bytes = new Uint8Array(await res.arrayBuffer());
  if (maybeMail && looksLikeMail(bytes)) return message(bytes, n.size);
  const encoding = guess(bytes);
  if (!encoding) return h("p", { class: "dim" }, "This is no text. Download it to open it with a program that knows it.");
  const out = h("pre", { tabindex: 0, "aria-label": "content" }, decode(bytes, encoding));
  const choice = h("select", { id: "encoding", onchange: (e) => { out.textContent = decode(bytes, e.target.value); } }, ENCODINGS.map((e) => h("option", { value: e, selected: e === encoding }, e)));
  return [h("div", { class: "bar" }, h("label", { for: "encoding" }, "Encoding"), choice, n.size > bytes.length ? h("span", { class: "dim" }, `the first ${size(bytes.length)}`) : null), out];
}

// picture draws an image. Nothing of it is taken for anything else.
async function picture(n, media, path, signal) {
  const res = await raw("/content?path=" + path, {}, signal);
  try {
    const image = await createImageBitmap(new Blob([await res.arrayBuffer()], { type: media }));
    const scale = Math.min(1, 1200 / image.width, 1200 / image.height);
    const canvas = h("canvas", { role: "img", "aria-label": `picture ${visible(n.name)}`, width: Math.max(1, Math.round(image.width * scale)), height: Math.max(1, Math.round(image.height * scale)) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return [canvas, h("p", { class: "dim" }, `${image.width} × ${image.height} pixels`)];
  } catch (e) {
    if (e.name === "AbortError") throw e;
    return h("p", { class: "dim" }, "The picture cannot be shown. It may be damaged.");
  }
}

// dump lists the tables of an SQL dump. Where they are the index may know; how many rows there are is counted in its beginning.
async function dump(path, signal) {
  const known = await get("/tables?path=" + path, signal).catch((e) => { if (e.name === "AbortError") throw e; return { tables: [] }; });
  const body = h("tbody"), note = h("p", { class: "dim", role: "status" }, "Counting rows …");
  const draw = (rows) => body.replaceChildren(...rows.map(([name, n, bytes]) => h("tr", null, h("td", null, visible(name)), h("td", { class: "n" }, n), h("td", { class: "n" }, bytes === null ? "" : size(bytes)))));
  draw(known.tables.map((t) => [t.name, "…", t.size]));
  get("/rows?path=" + path, signal).then((r) => {
    const counted = new Map(r.tables.map((t) => [t.name, t]));
    const all = known.tables.length ? known.tables.map((t) => [t.name, counted.get(t.name), t.size]) : r.tables.map((t) => [t.name, t, t.bytes]);
    draw(all.map(([name, t, bytes]) => [name, t ? t.rows.toLocaleString("en") : r.read < r.size ? "not counted" : "0", bytes]));
    note.textContent = !all.length ? "No table was found." : r.read < r.size ? `Rows are counted in the first ${size(r.read)} of ${size(r.size)}.` : `${count(all.length, "table")}.`;
  }, (e) => { if (e.name !== "AbortError") note.replaceWith(problem(e)); });
  return [note, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Tables" }, h("table", null, h("caption", { class: "sr" }, "Tables"), h("thead", null, h("tr", null, h("th", { scope: "col" }, "Table"), h("th", { scope: "col", class: "n" }, "Rows"), h("th", { scope: "col", class: "n" }, "Size"))), body))];
}

async function versions(n, path, signal) {
  const all = (await get("/versions?path=" + path, signal)).filter((v) => v.changed).reverse();
  const at = (v) => encode(v.path, v.path_base64);
  return h("ul", null, all.map((v, i) => h("li", null, h("a", download("/api/v1/content?download&path=" + at(v), n.name), v.snapshot), ` ${size(v.size)}, changed ${date(v.mtime)} `,
    all[i + 1] && n.type === "file" ? h("a", { href: `#/diff?old=${encodeURIComponent(at(all[i + 1]))}&new=${encodeURIComponent(at(v))}` }, "what changed", h("span", { class: "sr" }, ` in ${v.snapshot}`))
      : v.first ? h("span", { class: "dim" }, "(first)") : null)));
}
