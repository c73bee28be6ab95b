import { lines, encode, shown, visible, placeOf, join } from "./api.js";
import { h, size, problem, say } from "./ui.js";

const MOST = 5000;

// compare shows what differs between two backups.
export async function compare({ params, signal }) {
  const [older, newer] = [params.get("old") || "", params.get("new") || ""];
  const body = h("tbody"), note = h("p", { class: "dim", role: "status" }, "Comparing …"), count = { added: 0, removed: 0, changed: 0 };
  const add = (c) => {
    const kind = !c.old ? "added" : !c.new ? "removed" : "changed";
    const total = ++count[kind] && count.added + count.removed + count.changed;
    note.textContent = `Comparing … ${total} so far`;
    const there = c.new || c.old;
    const p = join(c.new ? newer : older, encode(c.path, c.path_base64));
    const dir = there.type === "directory" ? p : p.split("/").slice(0, -1).join("/");
    body.append(h("tr", null, h("td", { class: { added: "ok", removed: "bad", changed: "warn" }[kind] }, { added: "+ added", removed: "− removed", changed: "± changed" }[kind]),
      h("td", null, h("a", { href: "#/files/" + dir }, visible(c.path) || ".")), h("td", null, c.what?.join(", ") || there.type), h("td", { class: "n" }, c.old?.type === "file" ? size(c.old.size) : ""), h("td", { class: "n" }, c.new?.type === "file" ? size(c.new.size) : "")));
    return total < MOST;
  };
  lines("GET", `/diff?old=${older}&new=${newer}`, undefined, add, signal).then(() => {
    const total = count.added + count.removed + count.changed;
    note.textContent = total ? `${count.added} added, ${count.removed} removed, ${count.changed} changed${total >= MOST ? "; more are not shown" : ""}` : "Nothing differs.";
    say(note.textContent);
  }, (e) => { if (e.name !== "AbortError") note.replaceWith(problem(e)); });
  const place = placeOf(newer);
  return [h("h1", null, `Compare ${place ? shown(place.account) : ""}`),
    h("p", null, "From ", h("a", { href: "#/files/" + older }, shown(older)), " to ", h("a", { href: "#/files/" + newer }, shown(newer))), note,
    h("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Differences" }, h("table", null, h("caption", { class: "sr" }, "Differences"),
      h("thead", null, h("tr", null, ["What", "Path", "How", "Size before", "Size now"].map((t, i) => h("th", { scope: "col", class: i > 2 ? "n" : null }, t)))), body))];
}
