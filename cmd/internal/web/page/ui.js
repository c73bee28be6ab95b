// What views are made of. Text gets into the page as text only.

// h makes an element: h("a", {href: "#", class: "x", onclick: f}, "text", child).
export function h(tag, attrs, ...children) { return fill(document.createElement(tag), attrs, children); }

// s makes an element of a drawing.
export function s(tag, attrs, ...children) { return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attrs, children); }

function fill(e, attrs, children) {
  for (const [name, value] of Object.entries(attrs || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(e.style, value);
    else if (name === "value") e.value = value;
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false));
  return e;
}

const circle = "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18";
const icons = {
  folder: "M3 6h6l2 2.5h10V19H3z", file: "M6 3h8l4 4v14H6zM14 3v4h4", link: "M4 12h14M13 7l5 5-5 5", mail: "M3 6h18v12H3zM3 7l9 7 9-7",
  database: "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0", image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4", globe: circle + "M3 12h18M12 3c-5 5-5 13 0 18M12 3c5 5 5 13 0 18",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3", clock: circle + "M12 7v5l4 2", user: "M12 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8M4 21c0-9 16-9 16 0", sliders: "M4 7h9M18 7h2M13 4.5v5M4 17h2M11 17h9M11 14.5v5",
  box: "M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8",
};

export function icon(name) { return s("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d: icons[name] })); }

export function say(text) { document.getElementById("live").textContent = text; }

export function size(n) {
  if (n < 1024) return n + " B";
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  let i = -1;
  do { n /= 1024; i++; } while (n >= 1023.95 && i < units.length - 1);
  return n.toFixed(n < 10 ? 1 : 0) + " " + units[i];
}

export const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many || one + "s"}`;

const two = (n) => String(n).padStart(2, "0");

export function day(t) { return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`; }

// date is a time of the API: text, or seconds.
export function date(t) {
  if (t && typeof t === "object") t = (t.sec ?? t.Sec) * 1000;
  if (t === undefined || t === null) return "–";
  const d = new Date(t);
  return isNaN(d) ? "–" : `${day(d)} ${two(d.getHours())}:${two(d.getMinutes())}`;
}

export function ago(t) {
  const minutes = Math.max(0, Math.round((Date.now() - new Date(t)) / 60000));
  if (minutes < 60) return minutes + " min ago";
  if (minutes < 48 * 60) return Math.round(minutes / 60) + " h ago";
  return Math.round(minutes / 1440) + " days ago";
}

export function duration(seconds) {
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

// problem shows what went wrong, and what to do.
export function problem(e) {
  return h("div", { class: "error", role: "alert" }, h("strong", null, e.message || String(e)), e.hint ? h("div", null, e.hint) : null);
}

// section is filled by a request of its own, so that one that fails leaves the others as they are.
export function section(load, ...waiting) {
  const box = h("div", { "aria-busy": "true" }, ...(waiting.length ? waiting : [h("p", { class: "dim" }, "Loading …")]));
  load().then((content) => box.replaceChildren(...[content].flat(Infinity).filter((c) => c !== null && c !== undefined)), (e) => { if (e.name !== "AbortError") box.replaceChildren(problem(e)); })
    .finally(() => box.removeAttribute("aria-busy"));
  return box;
}

export function table(caption, heads, rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, h("table", null, h("caption", { class: "sr" }, caption),
    h("thead", null, h("tr", null, heads.map(([text, cls]) => h("th", { scope: "col", class: cls }, text || h("span", { class: "sr" }, "Actions"))))), h("tbody", null, rows)));
}

export function facts(all) {
  return h("div", { class: "facts" }, all.filter(Boolean).map(([name, value, cls]) => h("div", null, h("span", null, name), h("b", { class: cls }, value))));
}

const good = "complete", half = ["truncated", "partial", "growing", "updating"];
export const grade = (text) => (text === good ? "ok" : half.includes(text) ? "warn" : "bad");

export function status(text) {
  const shape = { complete: "●", growing: "◌", updating: "◌", truncated: "◐", partial: "◐" }[text] || "✖";
  return h("span", { class: grade(text) }, shape + " " + text);
}
