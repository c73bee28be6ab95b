import { change, session, shown, told } from "./api.js";
import { download } from "./gateway.js";
import { h, count, problem } from "./ui.js";
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
  bar.replaceChildren(...[h("details", { open }, h("summary", null, `${count(basket.size, "entry", "entries")} selected`), list()),
    ["zip", "tar.gz"].map((format) => h("button", { type: "button", class: "main", onclick: (e) => take(e.target, format) }, "Download ." + format)),
    session.admin ? h("button", { type: "button", onclick: () => restoreDialog([...basket]) }, "Restore …") : "",
    h("button", { type: "button", onclick: () => { basket.clear(); changed(); } }, "Clear")].flat());
}

// take asks for what is selected as one archive. The server makes it while it is sent.
async function take(button, format) {
  button.disabled = true;
  button.parentNode.querySelectorAll(".error").forEach((e) => e.remove());
  try {
    const { id } = await change("POST", "/downloads", { ...told([...basket]), format });
    const link = h("a", { ...download("/api/v1/downloads/" + id, "backup." + format), hidden: true });
    button.after(link);
    link.click();
    link.remove();
  } catch (e) { button.parentNode.append(problem(e)); }
  button.disabled = false;
}

// tick has the boxes that are shown say what is selected.
function tick() {
  for (const box of document.querySelectorAll("input[data-path]")) box.checked = basket.has(box.dataset.path);
}
