import { get, lines, raw, encode, shown, visible, placeOf, join } from "./api.js";
import { h, size, problem, say, section, count } from "./ui.js";
import { guess, decode, difference, hunks } from "./text.js";

const MOST = 20_000, SHOWN = 2000, TEXT = 1024 * 1024;
const marks = { added: ["+ added", "ok"], removed: ["− removed", "bad"], changed: ["± changed", "warn"] };

// compare shows what differs between two backups.
export async function compare({ params, signal }) {
  const [older, newer] = [params.get("old") || "", params.get("new") || ""];
  const all = [], only = new Set(), body = h("tbody"), note = h("p", { class: "dim", role: "status" }, "Comparing …"), chips = h("span", { class: "bar" });
  const search = h("input", { type: "search", id: "part", autocomplete: "off", placeholder: "part of the path", oninput: () => draw() });
  let over = false, waiting = 0;
  const draw = () => {
    waiting = 0;
    const sum = { added: 0, removed: 0, changed: 0 };
    all.forEach((c) => sum[c.kind]++);
    chips.replaceChildren(...Object.keys(marks).map((k) => h("button", { type: "button", "aria-pressed": String(only.has(k)), onclick: () => { only.has(k) ? only.delete(k) : only.add(k); draw(); chips.querySelector(`[data-kind=${k}]`).focus(); }, "data-kind": k }, `${sum[k].toLocaleString("en")} ${k}`)));
    const want = search.value.toLowerCase(), seen = all.filter((c) => (!only.size || only.has(c.kind)) && c.path.toLowerCase().includes(want));
    body.replaceChildren(...seen.slice(0, SHOWN).map((c) => row(c, older, newer)));
    note.textContent = !over ? `Comparing … ${all.length} so far` : !all.length ? "Nothing differs." : `${count(all.length, "difference")}${all.length >= MOST ? "; there are more" : ""}${seen.length > SHOWN ? `, the first ${SHOWN} are shown` : ""}`;
  };
  const add = (c) => {
    all.push({ ...c, kind: !c.old ? "added" : !c.new ? "removed" : "changed" });
    waiting ||= setTimeout(draw, 60);
    return all.length < MOST;
  };
  lines("GET", `/diff?old=${older}&new=${newer}`, undefined, add, signal).then(() => { over = true; draw(); say(note.textContent); },
    (e) => { if (e.name !== "AbortError") note.replaceWith(problem(e)); });
  draw();
  const place = placeOf(newer);
  return [h("h1", null, `Compare ${place ? shown(place.account) : ""}`),
    h("p", { class: "lead" }, "From ", h("a", { href: "#/files/" + older }, name(older)), " to ", h("a", { href: "#/files/" + newer }, name(newer))),
    h("div", { class: "bar" }, chips, h("label", { for: "part" }, "Path has"), search), note,
    h("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Differences" }, h("table", null, h("caption", { class: "sr" }, "Differences"),
      h("thead", null, h("tr", null, [["What"], ["Path"], ["How", "wide"], ["Size before", "n wide"], ["Size now", "n"]].map(([t, cls]) => h("th", { scope: "col", class: cls }, t)))), body))];
}

const name = (path) => { const p = placeOf(path); return p?.snapshot ? shown(join(p.snapshot, p.below)) : shown(path); };

function row(c, older, newer) {
  const there = c.new || c.old, at = encode(c.path, c.path_base64), p = join(c.new ? newer : older, at);
  const text = c.kind === "changed" && c.new.type === "file" && c.old.type === "file";
  const href = text ? diffLink(join(older, at), join(newer, at)) : "#/files/" + (there.type === "directory" ? p : p.split("/").slice(0, -1).join("/"));
  return h("tr", null, h("td", { class: "d " + marks[c.kind][1] }, marks[c.kind][0]), h("td", null, h("a", { href }, visible(c.path) || ".")), h("td", { class: "wide dim" }, c.what?.join(", ") || there.type),
    h("td", { class: "n wide" }, c.old?.type === "file" ? size(c.old.size) : ""), h("td", { class: "n" }, c.new?.type === "file" ? size(c.new.size) : ""));
}

export const diffLink = (older, newer) => `#/diff?old=${encodeURIComponent(older)}&new=${encodeURIComponent(newer)}`;

// diff shows how the text of a file differs between two backups.
export async function diff({ params, signal }) {
  const [older, newer] = [params.get("old") || "", params.get("new") || ""];
  const back = (p) => h("a", { href: "#/files/" + p.split("/").slice(0, -1).join("/") }, name(p));
  return [h("h1", null, shown(newer.split("/").at(-1))), h("p", { class: "lead" }, "From ", back(older), " to ", back(newer)), section(() => differences(older, newer, signal), h("p", { class: "dim" }, "Reading both …"))];
}

async function differences(older, newer, signal) {
  const both = await Promise.all([older, newer].map((p) => whole(p, signal)));
  if (both.some((b) => b === null)) return h("p", null, `Only texts of up to ${size(TEXT)} are compared line by line. Download both to compare them.`);
  const [a, b] = both.map((bytes) => [guess(bytes) || (bytes.length ? "" : "utf-8"), bytes]);
  if (!a[0] || !b[0]) return h("p", null, both[0].length === both[1].length && both[0].every((v, i) => v === both[1][i]) ? "The two are equal." : "These are no texts. Their content differs.");
  const cut = ([encoding, bytes]) => decode(bytes, encoding).split("\n");
  const all = difference(cut(a), cut(b));
  if (!all) return h("p", null, "The two differ too much to show how.");
  const pieces = hunks(all), changed = (sign) => all.filter(([s]) => s === sign).length;
  const note = a[0] === b[0] ? "" : ` The encoding changed from ${a[0]} to ${b[0]}.`;
  if (!pieces.length) return h("p", null, `No line differs.${note || " Owner, mode or time may."}`);
  const cls = { "+": "add", "-": "del", " ": null };
  return [h("p", null, h("span", { class: "ok" }, `+ ${count(changed("+"), "line")}`), " ", h("span", { class: "bad" }, `− ${count(changed("-"), "line")}`), note),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Differences" }, h("pre", { class: "diff" },
      pieces.map((p) => [h("span", { class: "at" }, `line ${p.old}, now ${p.now}`), p.lines.map(([sign, line]) => h("span", { class: cls[sign] }, `${sign === "-" ? "−" : sign} ${visible(line.replace(/\t/g, "    ").replace(/\r$/, "")).slice(0, 5000)}`))])))];
}

// whole is the content of a file; null: it is too large.
async function whole(path, signal) {
  const n = await get("/node?path=" + path, signal);
  return n.size > TEXT ? null : new Uint8Array(await (await raw("/content?path=" + path, {}, signal)).arrayBuffer());
}
