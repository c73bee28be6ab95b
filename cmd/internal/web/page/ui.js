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
  e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== false));
  return e;
}

export function say(text) { document.getElementById("live").textContent = text; }

export function size(n) {
  if (n < 1024) return n + " B";
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  let i = -1;
  do { n /= 1024; i++; } while (n >= 1023.95 && i < units.length - 1);
  return n.toFixed(n < 10 ? 1 : 0) + " " + units[i];
}

// date is a time of the API: text, or seconds.
export function date(t) {
  if (t && typeof t === "object") t = (t.sec ?? t.Sec) * 1000;
  if (t === undefined || t === null) return "–";
  const d = new Date(t);
  if (isNaN(d)) return "–";
  const two = (n) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`;
}

export function ago(t) {
  const minutes = Math.max(0, Math.round((Date.now() - new Date(t)) / 60000));
  if (minutes < 60) return minutes + " min ago";
  if (minutes < 48 * 60) return Math.round(minutes / 60) + " h ago";
  return Math.round(minutes / 1440) + " days ago";
}

// problem shows what went wrong, and what to do.
export function problem(e) {
  return h("div", { class: "error", role: "alert" }, h("strong", null, e.message || String(e)), e.hint ? h("div", null, e.hint) : null);
}

// section is filled by a request of its own, so that one that fails leaves the others as they are.
export function section(load, ...waiting) {
  const box = h("div", { "aria-busy": "true" }, ...(waiting.length ? waiting : [h("p", { class: "dim" }, "Loading …")]));
  load().then((content) => box.replaceChildren(...[content].flat()), (e) => { if (e.name !== "AbortError") box.replaceChildren(problem(e)); })
    .finally(() => box.removeAttribute("aria-busy"));
  return box;
}

export function table(caption, heads, rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, h("table", null, h("caption", { class: "sr" }, caption),
    h("thead", null, h("tr", null, heads.map(([text, cls]) => h("th", { scope: "col", class: cls }, text)))), h("tbody", null, rows)));
}

export function status(text) {
  const shape = { complete: "●", growing: "◌", updating: "◌", truncated: "◐", corrupt: "✖", unreadable: "✖", failed: "✖", partial: "◐" }[text] || "○";
  const cls = { complete: "ok", growing: "warn", updating: "warn", truncated: "warn", partial: "warn" }[text] || "bad";
  return h("span", { class: cls }, shape + " " + text);
}
