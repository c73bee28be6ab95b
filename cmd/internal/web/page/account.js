import { get, query, encode, shown, accountQuery, down } from "./api.js";
import { h, s, size, date, day, table, status, section, icon, grade, count } from "./ui.js";

const ICONS = { files: "folder", databases: "database", "database-users": "user", email: "mail", forwarders: "mail", filters: "mail", autoresponders: "mail", lists: "mail", dns: "globe", domains: "globe",
  ssl: "lock", dkim: "lock", cron: "clock", ftp: "user", config: "sliders", archive: "box", full: "box", reseller: "user" };

// account shows the backups of one account.
export async function account({ path, params, signal }) {
  const [destination, name] = path.split("/");
  const of = { destination, account: name, origin: encodeURIComponent(params.get("origin") || "") };
  const all = await get("/snapshots" + accountQuery(of), signal);
  const newest = all.find((x) => x.status === "complete") || all[0];
  return [h("h1", null, shown(name)), h("p", { class: "lead" }, `On ${shown(destination)}${of.origin ? "/" + params.get("origin") : ""}, ${count(all.length, "backup")}. `,
    h("a", { href: `#/find?below=${encodeURIComponent(newest.path.split("/").slice(0, -1).join("/"))}` }, "Find a file in them")),
    section(() => unreached(shown(destination), signal), ""),
    h("h2", null, newest.status === "complete" ? `In the last good backup, ${newest.name}` : "In the last backup; none is good"), section(() => parts(newest, signal)),
    h("h2", null, "Over time"), section(() => timeline(of, shown(name), all, signal)),
    h("h2", null, "Backups"), ...backups(all)];
}

async function unreached(destination, signal) {
  if (!(await down(signal)).has(destination)) return "";
  return h("p", { class: "note" }, `${destination} was not reached at the last attempt. Names and dates are known; the content of files cannot be read until it is back.`);
}

// backups are a table in which two can be picked for comparison.
function backups(all) {
  const picked = new Set();
  const go = h("button", { class: "main", type: "button", disabled: true, onclick: () => {
    const [a, b] = all.filter((x) => picked.has(x.path)).map((x) => encode(x.path));
    location.hash = compareLink(b, a);
  } }, "Compare the two");
  const row = (x, i) => h("tr", null,
    h("td", null, h("input", { type: "checkbox", "aria-label": "compare " + x.name, onchange: (e) => {
      e.target.checked ? picked.add(x.path) : picked.delete(x.path);
      go.disabled = picked.size !== 2;
    } })),
    h("td", null, h("a", { href: "#/files/" + encode(x.path) }, x.name)), h("td", { class: "d wide" }, date(x.time)), h("td", null, status(x.status), x.detail ? h("div", { class: "dim" }, x.detail) : null,
      x.concerns?.length ? h("div", { class: "warn" }, "⚠ " + x.concerns.join("; ")) : null),
    h("td", { class: "n" }, size(x.size)), h("td", { class: "n wide" }, x.entries.toLocaleString("en")), h("td", { class: "wide dim" }, x.kind),
    h("td", null, all[i + 1] ? h("a", { href: compareLink(encode(all[i + 1].path), encode(x.path)) }, "changes", h("span", { class: "sr" }, ` in ${x.name} since ${all[i + 1].name}`)) : ""));
  return [h("div", { class: "bar" }, go, h("span", { class: "dim" }, "Tick two backups to see what differs between them.")),
    table("Backups", [["Pick"], ["Backup"], ["Made", "wide"], ["State"], ["Size", "n"], ["Entries", "n wide"], ["Kind", "wide"], [""]], all.map(row))];
}

const compareLink = (older, newer) => `#/compare?old=${encodeURIComponent(older)}&new=${encodeURIComponent(newer)}`;

// parts are the directories of a backup, with how many of each kind there are.
async function parts(x, signal) {
  const p = await get("/list" + `?path=${encode(x.path)}`, signal);
  const many = (name) => x.parts[name] ?? x.parts[name.replace(/s$/, "")];
  return h("ul", { class: "tiles" }, p.entries.filter((e) => e.type === "directory").map((e) => h("li", null,
    h("a", { href: "#/files/" + encode(x.path) + "/" + encode(e.name, e.name_base64) }, icon(ICONS[e.name] || "folder"), h("span", null, h("b", null, e.name), many(e.name) === undefined ? "open" : many(e.name).toLocaleString("en"))))));
}

// timeline draws the backups of all accounts of that name that one may see, one line for each place.
async function timeline(of, name, own, signal) {
  const here = { destination: shown(of.destination), origin: decodeURIComponent(of.origin) };
  const others = (await get("/accounts" + query({ match: name, limit: 200 }), signal)).accounts.filter((a) => a.account === name && (a.destination !== here.destination || (a.origin || "") !== here.origin)).slice(0, 7);
  const lanes = [[label(here), own], ...await Promise.all(others.map(async (a) => [label(a), await get("/snapshots" + query({ destination: a.destination, origin: a.origin, account: a.account }), signal)]))];
  const times = lanes.flatMap(([, all]) => all.map((x) => new Date(x.time).getTime()));
  const first = Math.min(...times), last = Math.max(...times), range = Math.max(last - first, 86400e3);
  const left = 150, right = 980, x = (t) => left + ((new Date(t) - first) / range) * (right - left - 20) + 10;
  const height = lanes.length * 34 + 34;
  const step = Math.max(1, Math.ceil(range / 86400e3 / 6)) * 86400e3, ticks = Array.from({ length: Math.floor(range / step) + 1 }, (_, i) => first + i * step);
  return h("div", { class: "scroll timeline", tabindex: 0, role: "region", "aria-label": "Timeline" }, s("svg", { class: "time", viewBox: `0 0 1000 ${height}`, role: "img", "aria-label": `${times.length} backups from ${date(first)} to ${date(last)}; the table below has those of this place` },
    ticks.map((t) => [s("line", { x1: x(t), x2: x(t), y1: 6, y2: height - 22 }), s("text", { x: x(t), y: height - 6, "text-anchor": t === first ? "start" : x(t) > right - 50 ? "end" : "middle" }, day(new Date(t)))]),
    lanes.map(([text, all], i) => [s("text", { x: 4, y: i * 34 + 24 }, text.length > 22 ? text.slice(0, 21) + "…" : text), all.map((b) => mark(b, x(b.time), i * 34 + 20))])),
  h("p", { class: "legend" }, ["● daily or a slot", "■ weekly", "◆ monthly"].map((t) => h("span", null, t)), h("span", { class: "ok" }, "complete"), h("span", { class: "warn" }, "ends early"), h("span", { class: "bad" }, "not readable"), h("span", null, "▾ has concerns")));
}

const label = (a) => a.destination + (a.origin ? "/" + a.origin : "");

function mark(b, x, y) {
  const title = s("title", null, `${b.name}: ${b.status}${b.concerns?.length ? ", " + b.concerns.join("; ") : ""}`);
  const attrs = { class: "mark " + grade(b.status), onclick: () => { location.hash = "#/files/" + encode(b.path); } };
  const shape = /\.monthly/.test(b.name) ? s("path", { ...attrs, d: `M${x} ${y - 8}l8 8-8 8-8-8z` }, title)
    : /\.weekly/.test(b.name) ? s("rect", { ...attrs, x: x - 6, y: y - 6, width: 12, height: 12 }, title) : s("circle", { ...attrs, cx: x, cy: y, r: 6.5 }, title);
  return [shape, b.concerns?.length ? s("path", { class: "flag", d: `M${x - 5} ${y - 15}h10l-5 6z` }) : null];
}
