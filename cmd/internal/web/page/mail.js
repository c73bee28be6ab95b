// What a mail message says. Nothing of it is loaded from anywhere, and nothing in it runs.

import { h, size, count } from "./ui.js";
import { decode } from "./text.js";

const DEEPEST = 8, MOST = 100; // parts

const latin = (bytes) => {
  let out = "";
  for (let i = 0; i < bytes.length; i += 8192) out += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return out;
};
const bytesOf = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));

// looksLikeMail reports whether a file begins as messages do.
export const looksLikeMail = (bytes) => /^(From [^\n]*\n)?[!-9;-~]+:[^\n]*\r?\n(([!-9;-~]+:|[ \t])[^\n]*\r?\n)+/.test(latin(bytes.subarray(0, 4096)));

// message shows the beginning of a message, of which size bytes there are in all.
export function message(bytes, whole) {
  const m = { text: [], html: "", files: [], parts: 0 };
  const head = part(latin(bytes), m, 0);
  const fields = ["From", "To", "Cc", "Date", "Subject"].map((name) => [name, head.get(name.toLowerCase())]).filter(([, v]) => v);
  const text = m.text.join("\n\n").trim();
  return [h("dl", null, fields.map(([name, value]) => [h("dt", null, name), h("dd", null, words(value).slice(0, 2000))])),
    m.html ? frame(m.html) : "", text && m.html ? h("details", null, h("summary", null, "As plain text"), h("pre", { tabindex: 0, "aria-label": "plain text" }, text)) : text ? h("pre", { tabindex: 0, "aria-label": "plain text" }, text) : "",
    m.files.length ? [h("h2", null, count(m.files.length, "attachment")), h("ul", null, m.files.map((f) => h("li", null, f.name, h("span", { class: "dim" }, ` ${f.type}, about ${size(f.size)}`))))] : "",
    whole > bytes.length ? h("p", { class: "dim" }, `Only the first ${size(bytes.length)} of the message are shown.`) : "",
    h("details", null, h("summary", null, "All headers"), h("pre", { tabindex: 0, "aria-label": "headers" }, [...head].map(([k, v]) => k + ": " + v).join("\n")))];
}

// part reads a part: headers, and what is in it.
function part(raw, m, depth) {
  const end = /\r?\n\r?\n/.exec(raw), head = headers(end ? raw.slice(0, end.index) : raw), body = end ? raw.slice(end.index + end[0].length) : "";
  if (depth > DEEPEST || ++m.parts > MOST) return head;
  const [type, of] = parameters(head.get("content-type") || "text/plain");
  const [disposition, how] = parameters(head.get("content-disposition") || "");
  if (type.startsWith("multipart/") && of.boundary) {
    body.split(new RegExp(`(?:^|\\r?\\n)--${of.boundary.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?:--)?[ \\t]*(?=\\r?\\n|$)`)).slice(1)
      .filter((p) => p.trim()).forEach((p) => part(p.replace(/^\r?\n/, ""), m, depth + 1));
  } else if (type === "message/rfc822") {
    part(body, m, depth + 1);
  } else if (disposition === "attachment" || how.filename || of.name || !type.startsWith("text/")) {
    m.files.push({ name: words(how.filename || of.name || type), type, size: transferred(body, head, true) });
  } else {
    const text = decode(transferred(body, head), of.charset || "utf-8");
    if (type === "text/html") m.html ||= text; else m.text.push(text);
  }
  return head;
}

function headers(text) {
  const all = new Map();
  for (const line of text.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at > 0 && !all.has(line.slice(0, at).toLowerCase())) all.set(line.slice(0, at).toLowerCase(), line.slice(at + 1).trim());
  }
  return all;
}

// parameters takes a field such as "text/plain; charset=utf-8" apart.
function parameters(field) {
  const of = {};
  for (const m of field.matchAll(/;\s*([\w-]+)(?:\*\d*\*?)?\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g)) {
    of[m[1].toLowerCase()] ??= (m[2]?.replace(/\\(.)/g, "$1") ?? m[3]).replace(/^[\w-]+'[\w-]*'/, (x) => (/%[0-9a-f]{2}/i.test(field) ? "" : x));
  }
  if (of.filename?.includes("%")) try { of.filename = decodeURIComponent(of.filename); } catch { /* it stays as it is */ }
  return [field.split(";")[0].trim().toLowerCase(), of];
}

// transferred is the content of a part, or how long it is about.
function transferred(body, head, length) {
  const encoding = (head.get("content-transfer-encoding") || "").toLowerCase();
  if (encoding === "base64") {
    const text = body.replace(/[^A-Za-z0-9+/]/g, "");
    return length ? Math.floor((text.length * 3) / 4) : bytesOf(atob(text.slice(0, text.length - (text.length % 4 === 1 ? 1 : 0))));
  }
  if (length) return body.length;
  return bytesOf(encoding === "quoted-printable" ? quoted(body.replace(/[ \t]+(?=\r?\n)/g, "").replace(/=\r?\n/g, "")) : body);
}

const quoted = (text) => text.replace(/=([0-9A-Fa-f]{2})/g, (_, x) => String.fromCharCode(parseInt(x, 16)));

// words decodes the words of a header that are not ASCII.
function words(text) {
  const plain = /[\x80-\xff]/.test(text) ? decode(bytesOf(text.replace(/[^\x00-\xff]/g, "?")), "utf-8") : text;
  return plain.replace(/(=\?[^?\s]+\?[bq]\?[^?]*\?=)\s+(?==\?)/gi, "$1").replace(/=\?([^?\s*]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi, (all, charset, how, coded) => {
    try { return decode(bytesOf(how.toLowerCase() === "b" ? atob(coded) : quoted(coded.replaceAll("_", " "))), charset); } catch { return all; }
  });
}

const KEPT = new Set("p br b i u em strong ul ol li table thead tbody tr td th h1 h2 h3 h4 h5 h6 blockquote pre code div span hr dl dt dd center small sub sup a font".split(" "));
const DROPPED = new Set("script style head title template iframe object embed svg math noscript link meta base form input textarea select button video audio".split(" "));

// frame shows HTML of which only text and its form are left: no attribute, no image, no address. The frame runs nothing and loads nothing.
function frame(html) {
  const from = new DOMParser().parseFromString(html, "text/html"), to = document.implementation.createHTMLDocument("");
  const copy = (source, target, depth) => {
    for (const n of source.childNodes) {
      const name = n.localName;
      if (n.nodeType === Node.TEXT_NODE) target.append(n.data);
      else if (n.nodeType !== Node.ELEMENT_NODE || DROPPED.has(name)) continue;
      else if (name === "img") target.append(`[${n.getAttribute("alt") || "image"}]`);
      else if (depth < 200) copy(n, KEPT.has(name) ? target.appendChild(to.createElement(name)) : target, depth + 1);
    }
  };
  copy(from.body, to.body, 0);
  return h("iframe", { class: "message", sandbox: "", title: "Text of the message; images and links are left out", srcdoc: `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'">${to.body.innerHTML}` });
}
