// The API, and paths in it. A path is kept percent-encoded, byte by byte: names need not be UTF-8.

import { reach } from "./gateway.js";

export const session = { csrf: "", admin: false, who: "" };
let lost = () => {};
export function onLost(f) { lost = f; }

async function failure(res) {
  let told = {};
  try { told = await res.json(); } catch { /* it said nothing that can be read */ }
  const e = new Error(told.error || `the server answered ${res.status}`);
  e.hint = told.hint;
  e.status = res.status;
  if (res.status === 401) lost();
  return e;
}

async function send(method, path, body, signal, head) {
  const headers = { ...head };
  if (method !== "GET") headers["X-Csrf-Token"] = session.csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let res;
  try {
    res = await reach(method, path, { headers, body: body === undefined ? undefined : JSON.stringify(body), signal });
  } catch (e) {
    if (e.name === "AbortError" || e.told) throw e;
    const err = new Error("slotfs does not answer");
    err.hint = "It may have been stopped, or the network is down. Load the page again when it is there.";
    throw err;
  }
  if (!res.ok) throw await failure(res);
  return res;
}

export async function get(path, signal) { return (await send("GET", "/api/v1" + path, undefined, signal)).json(); }
export async function change(method, path, body) { return (await send(method, "/api/v1" + path, body)).json(); }
export async function raw(path, head, signal) { return send("GET", "/api/v1" + path, undefined, signal, head); }
export async function own(method, body) { return (await send(method, "/session", body)).json(); }

// lines hands each value of an answer of lines to yield; false from it ends that.
export async function lines(method, path, body, yield_, signal) {
  const res = await send(method, "/api/v1" + path, body, signal);
  const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += value || "";
    const all = rest.split("\n");
    rest = done ? "" : all.pop();
    for (const line of all.filter(Boolean)) {
      const v = JSON.parse(line);
      if (v.failure) { const e = new Error(v.failure.error); e.hint = v.failure.hint; throw e; }
      if (yield_(v) === false) { reader.cancel(); return; }
    }
    if (done) return;
  }
}

export function query(q) {
  return "?" + Object.entries(q).filter(([, v]) => v !== undefined && v !== "" && v !== false)
    .map(([k, v]) => k + "=" + (v === true ? "true" : encodeURIComponent(v))).join("&");
}

const bytes = (b64) => Uint8Array.from(atob(b64), (c) => c.charCodeAt(0));

// encode is a name or a path of an answer, with its bytes beside it where it is not UTF-8.
export function encode(text, b64) {
  const one = b64 ? Array.from(bytes(b64), (b) => (b === 47 ? "/" : "%" + b.toString(16).padStart(2, "0"))).join("") : text.split("/").map(encodeURIComponent).join("/");
  return one;
}

const octets = (path) => {
  const all = [];
  for (const m of path.matchAll(/%([0-9a-fA-F]{2})|([^%])/g)) {
    if (m[1]) all.push(parseInt(m[1], 16)); else all.push(...new TextEncoder().encode(m[2]));
  }
  return new Uint8Array(all);
};

// told are encoded paths as the body of a request has them: those that are not UTF-8 in base64.
export function told(paths) {
  const out = { paths: [], paths_base64: [] };
  for (const p of paths) {
    try { out.paths.push(decodeURIComponent(p)); } catch { out.paths_base64.push(btoa(String.fromCharCode(...octets(p)))); }
  }
  return out;
}

// shown is what people see of an encoded path; what cannot be seen is made visible.
export function shown(path) {
  return visible(new TextDecoder().decode(octets(path)));
}

export function visible(text) { return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0")); }

export const join = (dir, name) => (dir ? dir + "/" + name : name);

// placeOf takes a path apart: DESTINATION/[ORIGIN/]accounts/ACCOUNT/SNAPSHOT/BELOW; null: it is no path in an account.
export function placeOf(path) {
  const e = path.split("/");
  const at = e.indexOf("accounts");
  if (at < 1 || e.length < at + 2) return null;
  return { destination: e[0], origin: e.slice(1, at).join("/"), account: e[at + 1], root: e.slice(0, at + 2).join("/"), snapshot: e[at + 2], below: e.slice(at + 3).join("/") };
}

// accountQuery asks for an account by encoded names.
export const accountQuery = (p) => `?destination=${p.destination}&origin=${p.origin}&account=${p.account}`;

let known = { at: 0, down: new Set() };

// down are the destinations that could not be reached at the last attempt, as far as one may know. It never fails: no view depends on it.
export async function down(signal) {
  if (session.admin && Date.now() - known.at > 15_000) {
    try {
      const all = await get("/passes", signal);
      known = { at: Date.now(), down: new Set(all.filter((p) => p.last && UNREACHED.includes(p.last.code)).map((p) => p.destination)) };
    } catch { /* the view is left, or it is not known */ }
  }
  return known.down;
}

const UNREACHED = [5, 6]; // exit codes: not reached, refused
