import { get, query, encode, shown, visible, join, placeOf, accountQuery, down } from "./api.js";
import { h, icon, size, date, section } from "./ui.js";
import { List } from "./list.js";
import { preview } from "./preview.js";
import { has, toggle } from "./basket.js";

const KINDS = { sql: "database", create: "database", eml: "mail", png: "image", jpg: "image", jpeg: "image", gif: "image", webp: "image", svg: "image", ico: "image", gz: "box", zip: "box", tar: "box", crt: "lock", key: "lock", pem: "lock" };

function kind(n) {
  if (n.type === "directory") return "folder";
  if (n.type === "link") return "link";
  return /[:;]2,[A-Za-z]*$/.test(n.name) ? "mail" : KINDS[n.name.toLowerCase().split(".").at(-1)] || "file";
}

// files shows a directory: its entries, the dates that have it, and what is selected beside it.
export async function files({ path, params, signal }) {
  const place = placeOf(path);
  const side = h("aside", { "aria-label": "Selected file", hidden: true });
  const choose = (n, p) => {
    side.hidden = false;
    preview(side, n, p, place, signal, () => { side.hidden = true; list.choose(-1); });
  };
  const list = new List({
    load: (q) => get(`/list?path=${path}&${query(q).slice(1)}`, signal).then((p) => ({ rows: p.entries, total: p.total })),
    columns: [["", "Select", "c"], ["name", "Name", ""], ["size", "Size", "n s"], ["mtime", "Changed", "t wide"], ["", "Mode", "m wide", true]],
    row: (n, i, on) => row(path, n, i, on, () => { list.choose(i); choose(n, join(path, encode(n.name, n.name_base64))); }),
    empty: (match) => (match ? "No name has that in it." : "This directory is empty."), sort: params.get("sort") || "name",
  });
  await list.page(0);
  const filter = h("input", { type: "search", id: "filter", autocomplete: "off", placeholder: "in this directory", oninput: (e) => list.reset({ match: e.target.value }) });
  return [h("h1", null, shown(path.split("/").at(-1)) || "Backups"), crumbs(path, place), section(() => unreached(place, signal), ""),
    h("div", { class: "bar" }, h("label", { for: "filter" }, "Name has"), filter, place?.snapshot ? section(() => dates(path, place, signal), h("span", { class: "dim" }, "dates …")) : null,
      h("span", { class: "dim end" }, h("a", { href: "#/find?below=" + encodeURIComponent(shown(place?.root || path)) }, "Find in all dates"))),
    h("div", { class: "split" }, list.element, side)];
}

async function unreached(place, signal) {
  const gone = place && (await down(signal)).has(shown(place.destination));
  return gone ? h("p", { class: "note" }, `${shown(place.destination)} was not reached at the last attempt: the content of files cannot be read until it is back.`) : "";
}

function crumbs(path, place) {
  const e = path ? path.split("/") : [];
  return h("nav", { class: "crumbs", "aria-label": "Path" }, h("ol", null, e.map((name, i) => {
    const here = e.slice(0, i + 1).join("/");
    const href = place && here === place.root ? `#/account/${place.destination}/${place.account}?origin=${encodeURIComponent(shown(place.origin))}` : "#/files/" + here;
    return h("li", null, i === e.length - 1 ? h("span", { "aria-current": "page" }, shown(name)) : h("a", { href }, shown(name)));
  })));
}

// dates switches to the same path in another backup. Those that do not have it cannot be chosen.
async function dates(path, place, signal) {
  const [all, there] = await Promise.all([get("/snapshots" + accountQuery(place), signal),
    place.below ? get("/versions?path=" + path, signal).catch(() => null) : null]);
  const with_ = there && new Set(there.map((v) => v.snapshot));
  const now = shown(place.snapshot), lacks = (x) => with_ && !with_.has(x.name) && x.name !== now;
  const go = (name) => { location.hash = "#/files/" + join(place.root + "/" + encode(name), place.below); };
  const at = all.findIndex((x) => x.name === now), older = at >= 0 && all.slice(at + 1).find((x) => !lacks(x)), newer = at > 0 && all.slice(0, at).findLast((x) => !lacks(x));
  const step = (x, text, name) => h("button", { type: "button", disabled: !x, "aria-label": name, title: x ? x.name : null, onclick: () => go(x.name) }, text);
  return [h("label", { for: "date" }, "Backup"), step(older, "‹", "older backup"), h("select", { id: "date", onchange: (e) => go(e.target.value) },
    at >= 0 ? null : h("option", { value: now, selected: true }, now),
    all.map((x) => h("option", { value: x.name, selected: x.name === now, disabled: lacks(x) }, x.name + (lacks(x) ? " (not in it)" : "")))), step(newer, "›", "newer backup")];
}

// row is one entry of a directory.
function row(path, n, i, on, open) {
  const p = join(path, encode(n.name, n.name_base64)), name = visible(n.name);
  const text = [icon(kind(n)), name.length > 400 ? name.slice(0, 400) + "…" : name];
  const way = n.type === "directory" || n.type === "link";
  return h("tr", { class: [on ? "on" : "", n.type === "directory" ? "dir" : ""].join(" "), "aria-rowindex": i + 2 },
    h("td", { class: "c" }, h("input", { type: "checkbox", checked: has(p), "data-path": p, "aria-label": "select " + name.slice(0, 200), onchange: () => toggle(p) })),
    h("td", null, way ? h("a", { href: "#/files/" + p, "data-row": i, title: name.slice(0, 400) }, text, n.target ? h("span", { class: "dim" }, " → " + visible(n.target)) : null)
      : h("button", { type: "button", class: "plain", "data-row": i, title: name.slice(0, 400), onclick: open }, text)),
    h("td", { class: "n s" }, n.type === "file" ? size(n.size) : ""), h("td", { class: "t wide dim" }, date(n.mtime)), h("td", { class: "m wide dim" }, (n.mode & 0o777).toString(8).padStart(4, "0")));
}
