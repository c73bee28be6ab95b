import { shown } from "./api.js";
import { h, count } from "./ui.js";
import { restoreDialog } from "./restore.js";

// basket is what is selected, of any directories and dates, as encoded paths.
const basket = new Set();

export const has = (path) => basket.has(path);

export function toggle(path) {
  basket.has(path) ? basket.delete(path) : basket.add(path);
  drawBasket();
}

export function drawBasket() {
  const bar = document.getElementById("basket"), open = bar.querySelector("details")?.open;
  bar.hidden = !basket.size;
  const changed = () => { drawBasket(); tick(); };
  const list = () => h("ul", null, [...basket].map((p) => h("li", null, h("button", { type: "button", onclick: () => { basket.delete(p); changed(); }, "aria-label": "take out " + shown(p) }, "✕"), shown(p))));
  bar.replaceChildren(h("details", { open }, h("summary", null, `${count(basket.size, "entry", "entries")} selected`), list()),
    h("button", { type: "button", class: "main", onclick: () => restoreDialog([...basket]) }, "Restore …"),
    h("button", { type: "button", onclick: () => { basket.clear(); changed(); } }, "Clear"));
}

// tick has the boxes that are shown say what is selected.
function tick() {
  for (const box of document.querySelectorAll("input[data-path]")) box.checked = basket.has(box.dataset.path);
}
