import { get, change } from "./api.js";
import { events } from "./gateway.js";
import { h, size, date, ago, section, problem, facts, count } from "./ui.js";

// destinations shows each destination, and passes as they go on.
export async function destinations({ signal }) {
  const report = await get("/status", signal);
  const boxes = new Map(report.destinations.map((d) => [d.name, h("div", { role: "status" })]));
  follow(boxes, signal);
  return [h("h1", null, "Destinations"), h("p", { class: "lead" }, "Where backups lie, and how the last look at each ended."), ...report.destinations.map((d) => card(d, boxes.get(d.name), signal)),
    report.destinations.length ? "" : h("p", null, "There are none. “slotfs destination add” makes one.")];
}

function card(d, box, signal) {
  const last = d.last_pass, out = Boolean(last && [5, 6].includes(last.code)), tested = h("div", { role: "status" });
  const many = Object.entries(d.snapshots || {}).map(([k, n]) => `${n.toLocaleString("en")} ${k}`).join(", ") || "none";
  const state = !last ? ["not looked at yet", "warn"] : out ? ["✖ not reached", "bad"] : last.error ? ["▲ failed", "warn"] : ["● reached", "ok"];
  const ask = (path, body, then) => async (e) => {
    const button = e.target.closest("button");
    button.disabled = true;
    try { await then(await change("POST", path, body)); } catch (err) { tested.replaceChildren(problem(err)); }
    button.disabled = false;
  };
  return h("section", { class: out ? "card down" : "card", "aria-label": "Destination " + d.name }, h("h2", null, d.name), h("p", { class: "dim" }, [d.engine, d.address].filter(Boolean).join(", ")),
    h("div", { class: "fades" }, facts([["At the last look", state[0], state[1]], ["Looked at", last ? ago(last.ended) : "never"], d.next_pass ? ["Next look", date(d.next_pass)] : null, ["Accounts", d.accounts.toLocaleString("en")], ["Backups", many],
      ["Newest good backup", d.newest ? ago(d.newest) : "none"], d.verified?.bytes ? ["Read again within 30 days", `${size(d.verified.within_30_days)} of ${size(d.verified.bytes)}`] : null])),
    last?.error ? problem({ message: last.error, hint: out ? "Its backups stay listed. “Test” tells whether it is back." : "" }) : last?.summary ? h("p", { class: "dim" }, `The last pass found ${count(last.summary.found, "backup")}, read ${last.summary.read} and failed with ${last.summary.failed}.`) : null,
    last?.summary?.errors?.length ? h("details", { open: last.summary.errors.length < 4 }, h("summary", null, count(last.summary.errors.length, "backup") + " not read to the end"), h("ul", { class: "bad" }, last.summary.errors.slice(0, 100).map((e) => h("li", null, e)))) : null,
    d.concerns?.length ? h("details", null, h("summary", null, count(d.concerns.length, "account") + " with concerns"), h("ul", { class: "warn" }, d.concerns.slice(0, 200).map((c) => h("li", null, `${c.account}: ${c.texts.join("; ")}`)))) : null,
    d.running ? h("p", { class: "warn" }, `A pass runs since ${date(d.running.began)}.`) : null,
    h("div", { class: "bar" }, h("button", { type: "button", class: "main", disabled: !d.configured, onclick: ask("/passes/start", { destinations: [d.name] }, () => box.replaceChildren(h("p", null, "The pass begins …"))) }, "Index now", h("span", { class: "sr" }, " " + d.name)),
      h("button", { type: "button", disabled: !d.configured, onclick: (e) => {
        tested.replaceChildren(h("p", { class: "dim" }, "Connecting and measuring; it takes about half a minute …"), h("progress", { "aria-label": "test" }));
        return ask(`/destinations/${encodeURIComponent(d.name)}/test`, { write: false, seconds: 1 }, (r) => tested.replaceChildren(...measured(r)))(e);
      } }, "Test", h("span", { class: "sr" }, " " + d.name))), box, tested);
}

// measured is what a test found.
function measured(r) {
  const rate = (n) => (n ? size(Math.round(n)) + "/s" : "–");
  return [h("p", { class: "ok" }, `● Reached as ${r.address}, logged in by ${r.authenticated}.`), facts([["Connected within", `${r.connect_seconds.toFixed(2)} s`], ["Round trip", `${(r.round_trip_seconds * 1000).toFixed(1)} ms`],
    ["Reads, one connection", rate(r.read_one)], ["Reads, several", rate(r.read_many)], r.write_one ? ["Writes", rate(r.write_one)] : null,
    r.size_bytes ? ["Free", `${size(r.free_bytes)} of ${size(r.size_bytes)}`] : null, ["Connections at once", `${r.allowed_connections}${r.allowed_is_limit ? "" : " or more"}`], r.clock_difference ? ["Its clock is ahead by", `${r.clock_difference} s`] : null]),
  r.size_bytes ? h("progress", { max: r.size_bytes, value: r.size_bytes - r.free_bytes, "aria-label": "used of its file system" }) : "",
  ...Object.entries(r.skipped || {}).map(([what, why]) => h("p", { class: "dim" }, `${what}: ${why}`))];
}

// follow shows what passes tell.
function follow(boxes, signal) {
  const bar = h("progress", { max: 1, "aria-label": "read" });
  events("/api/v1/progress", signal, { pass(e) {
    const box = boxes.get(e.destination);
    if (!box) return;
    if (e.kind === "finished") {
      box.replaceChildren(e.error ? problem({ message: e.error, hint: e.hint }) : h("p", { class: "ok" }, `● Done: ${e.summary?.found ?? 0} found, ${e.summary?.read ?? 0} read, ${e.summary?.gone ?? 0} gone, ${e.summary?.failed ?? 0} failed.`));
      return;
    }
    if (e.kind === "began") { bar.max = e.bytes || 1; bar.value = e.done || 0; }
    if (e.kind === "read") bar.value = e.done;
    const text = { started: "Connecting …", walked: `${e.folders || 0} directories, ${e.backups || 0} backups`, planned: `${e.backups || 0} to read, ${size(e.bytes || 0)}`,
      began: `Reading ${e.source?.name}`, read: `Reading ${e.source?.name}, ${size(e.done || 0)}`, ended: `${e.source?.name}: ${e.error || e.status}` }[e.kind];
    box.replaceChildren(h("p", null, text || e.kind), ["began", "read"].includes(e.kind) ? bar : "");
  } });
}
