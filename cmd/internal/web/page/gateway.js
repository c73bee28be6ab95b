// How requests reach slotfs: directly, or through the one address that a hosting panel has for the page. Panels do not say of what type
// an answer is, nor pass status or headers on for certain. So every answer comes from there as lines of text: the status, pieces of the
// body in base64, and "." at the end of a whole one.

import { problem } from "./ui.js";

const panel = document.documentElement.dataset.panel; // which one the page stands in
export const inPanel = panel !== undefined;

// reach sends a request and gives its Response.
export async function reach(method, path, { headers = {}, body, signal } = {}) {
  if (!inPanel) return fetch(path, { method, headers, body, signal });
  const q = new URLSearchParams({ path, method, range: headers.Range || "" });
  const form = method === "GET" ? undefined : new URLSearchParams({ csrf: headers["X-Csrf-Token"] || "", proof: await proof(path), body: body || "" });
  return unwrap(await fetch("?" + q, { method: form ? "POST" : "GET", body: form, signal }));
}

// proof asks cPanel for proof, to be used once, that this browser is logged in there. What only reads needs none.
async function proof(path) {
  const session = /^\/cpsess\d+/.exec(location.pathname);
  if (panel !== "cpanel" || !session || path === "/api/v1/downloads") return "";
  const told = await (await fetch(session[0] + "/execute/Slotfs/proof")).json();
  if (!told.status) throw Object.assign(new Error("cPanel does not let this account change anything here."), { told: true, hint: (told.errors || []).join("; ") });
  return told.data;
}

async function unwrap(res) {
  const lines = res.body.pipeThrough(new TextDecoderStream()).pipeThrough(splitter()).getReader();
  const { value: status } = await lines.read();
  if (!/^[2-5]\d\d$/.test(status)) {
    lines.cancel();
    throw Object.assign(new Error("The panel does not pass the answer of slotfs on."), { told: true, hint: "Your session in the panel may be over: log in there again." });
  }
  return new Response(new ReadableStream({
    async pull(out) {
      const { value, done } = await lines.read();
      if (done) out.error(new Error("The answer ended too early."));
      else if (value === ".") out.close();
      else out.enqueue(Uint8Array.from(atob(value), (c) => c.charCodeAt(0)));
    },
    cancel() { lines.cancel(); },
  }), { status: Number(status) });
}

// splitter cuts text into lines; what has no end is none.
function splitter() {
  let rest = "";
  return new TransformStream({ transform(text, out) {
    const all = (rest + text).split("\n");
    rest = all.pop();
    all.forEach((line) => out.enqueue(line));
  } });
}

// download is what a link to a file has whose content is to be kept.
export function download(path, name) {
  if (!inPanel) return { href: path, download: "" };
  return { href: "#", download: name, onclick: (e) => { e.preventDefault(); keep(path, name).catch((err) => e.target.after(problem(err))); } };
}

async function keep(path, name) {
  const res = await reach("GET", path);
  if (!res.ok) throw new Error((await res.json()).error);
  const a = document.createElement("a");
  a.href = URL.createObjectURL(await res.blob());
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
}

// events hands the data of server-sent events to handlers by their name, until signal ends that.
export function events(path, signal, handlers) {
  if (!inPanel) {
    const source = new EventSource(path);
    signal.addEventListener("abort", () => source.close());
    for (const [name, handle] of Object.entries(handlers)) source.addEventListener(name, (m) => handle(JSON.parse(m.data)));
    return;
  }
  follow(path, signal, handlers).catch(() => { /* the view is left, or shows how it is when it is loaded again */ });
}

async function follow(path, signal, handlers) {
  const res = await reach("GET", path, { signal });
  const lines = res.body.pipeThrough(new TextDecoderStream()).pipeThrough(splitter()).getReader();
  let name = "";
  for (;;) {
    const { value, done } = await lines.read();
    if (done) return;
    if (value.startsWith("event: ")) name = value.slice(7);
    else if (value.startsWith("data: ")) handlers[name]?.(JSON.parse(value.slice(6)));
  }
}
