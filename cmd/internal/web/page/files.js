import { get, query, session, encode, shown, visible, join, placeOf, accountQuery } from "./api.js";
import { h, size, date, section, say, problem } from "./ui.js";
import { preview } from "./preview.js";
import { restoreDialog } from "./restore.js";

const ROW = 36, PAGE = 500;
const basket = new Set(); // encoded paths

export function drawBasket() {
  const bar = document.getElementById("basket");
  bar.hidden = !basket.size;
  bar.replaceChildren(h("span", null, `${basket.size} selected`),
    h("button", { type: "button", class: "main", onclick: () => restoreDialog([...basket]) }, "Restore …"),
    h("button", { type: "button", onclick: () => { basket.clear(); drawBasket(); document.querySelectorAll(".files input").forEach((i) => { i.checked = false; }); } }, "Clear"));
}

// files shows a directory: its entries, the dates that have it, and what is selected beside it.
export async function files({ path, params, signal }) {
  const place = placeOf(path);
  const side = h("aside", { "aria-label": "Selected file", hidden: true });
  const list = new List(path, params, signal, (n, p) => { side.hidden = false; preview(side, n, p, place, signal); });
  await list.page(0);
  const filter = h("input", { type: "search", id: "filter", value: list.match, autocomplete: "off", oninput: (e) => list.reset({ match: e.target.value }) });
  return [h("h1", null, shown(path.split("/").at(-1)) || "Backups"), crumbs(path, place),
    h("div", { class: "bar" }, h("label", { for: "filter" }, "Name has"), filter, place?.snapshot ? section(() => dates(path, place, signal), h("span", { class: "dim" }, "dates …")) : null),
    h("div", { class: "split" }, list.element, side)];
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
  const has = there && new Set(there.map((v) => v.snapshot));
  const now = shown(place.snapshot);
  return [h("label", { for: "date" }, "Backup "), h("select", { id: "date", onchange: (e) => { location.hash = "#/files/" + join(place.root + "/" + encodeURIComponent(e.target.value), place.below); } },
    all.some((x) => x.name === now) ? null : h("option", { value: now, selected: true }, now),
    all.map((x) => h("option", { value: x.name, selected: x.name === now, disabled: has && !has.has(x.name) && x.name !== now }, x.name + (has && !has.has(x.name) ? " (not in it)" : ""))))];
}

// List is a table of which only what is seen is there, whatever the size of the directory.
class List {
  constructor(path, params, signal, choose) {
    Object.assign(this, { path, signal, choose, sort: params.get("sort") || "name", desc: false, match: "", pages: new Map(), total: 0, on: -1, generation: 0 });
    this.body = h("tbody");
    this.head = h("tr");
    this.table = h("table", { class: "files" }, h("caption", { class: "sr" }, "Files"), h("thead", null, this.head), this.body);
    this.element = h("div", { class: "scroll tall", onscroll: () => this.soon(), onkeydown: (e) => this.key(e) }, this.table);
    new ResizeObserver(() => this.soon()).observe(this.element);
  }

  // page loads a page, once.
  page(i) {
    if (!this.pages.has(i)) {
      const generation = this.generation;
      this.pages.set(i, get(`/list?path=${this.path}&${query({ sort: this.sort, desc: this.desc, match: this.match, from: i * PAGE, limit: PAGE }).slice(1)}`, this.signal).then((p) => {
        if (generation !== this.generation) return;
        this.total = p.total ?? p.entries.length;
        this.pages.set(i, p.entries);
        this.draw();
      }, (e) => {
        if (generation === this.generation) this.pages.delete(i);
        if (!i) throw e;
      }));
    }
    return this.pages.get(i);
  }

  reset(to) {
    Object.assign(this, to);
    this.generation++;
    this.pages.clear();
    this.element.scrollTop = 0;
    Promise.resolve(this.page(0)).then(() => say(`${this.total} entries`), (e) => { if (e.name !== "AbortError") this.body.replaceChildren(h("tr", null, h("td", { colspan: 5 }, problem(e)))); });
  }

  soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  draw() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW) - 10);
    const last = Math.min(this.total, first + Math.ceil((this.element.clientHeight || 700) / ROW) + 20);
    const focused = document.activeElement?.dataset?.row;
    const rows = [];
    for (let i = first; i < last; i++) rows.push(this.row(i));
    const space = (n) => (n > 0 ? h("tr", { "aria-hidden": "true", style: { height: n * ROW + "px" } }, h("td", { colspan: 5, style: { height: n * ROW + "px" } })) : null);
    this.headings();
    this.table.setAttribute("aria-rowcount", this.total + 1);
    this.body.replaceChildren(...[space(first), ...rows, space(this.total - last)].filter(Boolean));
    if (!this.total) this.body.replaceChildren(h("tr", null, h("td", { colspan: 5, class: "dim" }, this.match ? "No name has that in it." : "This directory is empty.")));
    if (focused !== undefined) this.body.querySelector(`[data-row="${focused}"]`)?.focus({ preventScroll: true });
  }

  headings() {
    const text = this.sort + this.desc;
    if (this.drawn === text) return;
    this.drawn = text;
    const by = (key, label, cls) => h("th", { scope: "col", class: cls, "aria-sort": this.sort === key ? (this.desc ? "descending" : "ascending") : null },
      h("button", { type: "button", onclick: () => this.reset({ desc: this.sort === key && !this.desc, sort: key }) }, label + (this.sort === key ? (this.desc ? " ▼" : " ▲") : "")));
    this.head.replaceChildren(session.admin ? h("th", { scope: "col", class: "c" }, h("span", { class: "sr" }, "Select")) : "", by("name", "Name"), by("size", "Size", "n s"), by("mtime", "Changed", "t wide"), h("th", { scope: "col", class: "s wide" }, "Mode"));
  }

  // row is an entry, or a place for one that is on its way.
  row(i) {
    const at = Math.floor(i / PAGE);
    const page = this.pages.get(at);
    if (!Array.isArray(page)) {
      if (!page) this.page(at);
      return h("tr", { "aria-rowindex": i + 2 }, h("td", { colspan: 5, class: "dim" }, "…"));
    }
    const n = page[i % PAGE];
    if (!n) return h("tr");
    const p = join(this.path, encode(n.name, n.name_base64));
    const name = visible(n.name);
    const way = n.type === "directory" || n.type === "link";
    const open = way ? h("a", { href: "#/files/" + p, "data-row": i, title: name }, (n.type === "link" ? "↪ " : "▸ ") + name, n.target ? h("span", { class: "dim" }, " → " + visible(n.target)) : null)
      : h("button", { type: "button", class: "name", "data-row": i, title: name, onclick: () => { this.on = i; this.choose(n, p); this.draw(); } }, name);
    return h("tr", { class: this.on === i ? "on" : null, "aria-rowindex": i + 2 },
      session.admin ? h("td", { class: "c" }, h("input", { type: "checkbox", checked: basket.has(p), "aria-label": "select " + name, onchange: (e) => { e.target.checked ? basket.add(p) : basket.delete(p); drawBasket(); } })) : "",
      h("td", null, open), h("td", { class: "n s" }, n.type === "file" ? size(n.size) : ""), h("td", { class: "t wide dim" }, date(n.mtime)), h("td", { class: "s wide dim" }, (n.mode & 0o777).toString(8).padStart(4, "0")));
  }

  // key moves between entries by the arrow keys.
  key(e) {
    const row = e.target.dataset?.row;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20 }[e.key];
    if (row === undefined || !step) return;
    e.preventDefault();
    const to = Math.min(this.total - 1, Math.max(0, Number(row) + step));
    const top = to * ROW;
    if (top < this.element.scrollTop || top > this.element.scrollTop + this.element.clientHeight - 3 * ROW) this.element.scrollTop = Math.max(0, top - this.element.clientHeight / 2);
    this.draw();
    this.body.querySelector(`[data-row="${to}"]`)?.focus({ preventScroll: true });
  }
}
