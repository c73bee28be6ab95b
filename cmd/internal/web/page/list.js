import { h, say, problem, count } from "./ui.js";

const ROW = 36, PAGE = 500;
// TALLEST is how high an element may be: browsers cut what is higher. Longer lists move faster than the scroll bar.
const TALLEST = 8_000_000;

// List is a table of which only what is seen is there, whatever its length. load({sort, desc, match, from, limit}) gives {rows, total};
// columns are [key, title, class, unsortable]; row(value, index, chosen) makes a row.
export class List {
  constructor({ load, columns, row, empty, sort }) {
    Object.assign(this, { load, columns, make: row, empty, sort, desc: false, match: "", pages: new Map(), total: 0, on: -1, generation: 0 });
    this.body = h("tbody");
    this.head = h("tr");
    this.table = h("table", { class: "files" }, h("caption", { class: "sr" }, "Files"), h("thead", null, this.head), this.body);
    this.element = h("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Files", onscroll: () => this.soon(), onkeydown: (e) => this.key(e) }, this.table);
    new ResizeObserver(() => this.soon()).observe(this.element);
  }

  // page loads a page, once.
  page(i) {
    if (!this.pages.has(i)) {
      const generation = this.generation;
      this.pages.set(i, this.load({ sort: this.sort, desc: this.desc, match: this.match, from: i * PAGE, limit: PAGE }).then((p) => {
        if (generation !== this.generation) return;
        this.total = p.total ?? p.rows.length;
        this.pages.set(i, p.rows);
        this.draw();
      }, (e) => {
        if (generation === this.generation) this.pages.delete(i);
        if (!i) throw e;
      }));
    }
    return this.pages.get(i);
  }

  reset(to) {
    Object.assign(this, { on: -1 }, to);
    this.generation++;
    this.pages.clear();
    this.element.scrollTop = 0;
    Promise.resolve(this.page(0)).then(() => say(count(this.total, "entry", "entries")), (e) => { if (e.name !== "AbortError") this.body.replaceChildren(this.line(problem(e))); });
  }

  choose(i) {
    this.on = i;
    this.draw();
  }

  soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  // seen is how many rows the window has, and the first of them.
  seen() {
    const rows = Math.ceil((this.element.clientHeight || 700) / ROW), height = Math.min(this.total * ROW, TALLEST);
    const most = Math.max(1, height + ROW - this.element.clientHeight);
    const first = height < TALLEST ? Math.floor(this.element.scrollTop / ROW) : Math.floor((this.element.scrollTop / most) * Math.max(0, this.total - rows + 2));
    return [rows, first, height];
  }

  draw() {
    const [rows, top, height] = this.seen();
    const first = Math.max(0, top - 10), last = Math.min(this.total, top + rows + 10);
    const focused = document.activeElement?.dataset?.row;
    const all = [];
    for (let i = first; i < last; i++) all.push(this.row(i));
    const above = height < TALLEST ? first * ROW : Math.max(0, this.element.scrollTop - (top - first) * ROW);
    const space = (n) => (n > 0 ? h("tr", { "aria-hidden": "true", style: { height: n + "px" } }, h("td", { colspan: this.columns.length, style: { height: n + "px" } })) : null);
    this.headings();
    this.table.setAttribute("aria-rowcount", this.total + 1);
    this.body.replaceChildren(...[space(above), ...all, space(height - above - (last - first) * ROW)].filter(Boolean));
    if (!this.total) this.body.replaceChildren(this.line(this.empty(this.match)));
    if (this.wanted !== undefined) this.focus(this.wanted);
    else if (focused !== undefined) this.focus(focused);
  }

  line(what) { return h("tr", null, h("td", { colspan: this.columns.length, class: "dim" }, what)); }

  // focus gives a row the focus. One that is on its way gets it when it has come.
  focus(i) {
    const row = this.body.querySelector(`[data-row="${i}"]`);
    row?.focus({ preventScroll: true });
    if (row) this.wanted = undefined;
    else this.element.focus({ preventScroll: true });
  }

  headings() {
    const text = this.sort + this.desc;
    if (this.drawn === text) return;
    this.drawn = text;
    this.head.replaceChildren(...this.columns.map(([key, title, cls, plain]) => h("th", { scope: "col", class: cls, "aria-sort": key && this.sort === key ? (this.desc ? "descending" : "ascending") : null },
      key ? h("button", { type: "button", onclick: () => this.reset({ desc: this.sort === key && !this.desc, sort: key }) }, title + (this.sort === key ? (this.desc ? " ▼" : " ▲") : ""))
        : h("span", { class: plain ? null : "sr" }, title))));
  }

  // row is a row, or a place for one that is on its way.
  row(i) {
    const at = Math.floor(i / PAGE), page = this.pages.get(at);
    if (!Array.isArray(page)) {
      if (!page) this.page(at);
      return h("tr", { "aria-rowindex": i + 2 }, h("td", { colspan: this.columns.length, class: "dim" }, "…"));
    }
    return page[i % PAGE] ? this.make(page[i % PAGE], i, this.on === i) : h("tr");
  }

  // key moves between rows by the arrow keys.
  key(e) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -Infinity, End: Infinity }[e.key];
    const from = e.target === this.element ? this.wanted ?? -1 : Number(e.target.dataset?.row ?? NaN);
    if (!step || Number.isNaN(from) || (from < 0 && step < 0)) return;
    e.preventDefault();
    this.go(Math.min(this.total - 1, Math.max(0, from + step)));
  }

  // go scrolls to a row and gives it the focus.
  go(to) {
    const [rows, top, height] = this.seen();
    if (to < top + 1 || to > top + rows - 3) {
      const want = Math.max(0, to - Math.floor(rows / 2));
      this.element.scrollTop = height < TALLEST ? want * ROW : (want / Math.max(1, this.total - rows + 2)) * (height + ROW - this.element.clientHeight);
    }
    this.wanted = to;
    this.draw();
  }
}
