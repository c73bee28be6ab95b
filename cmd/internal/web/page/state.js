import { get, change, query, session } from "./api.js";
import { events } from "./gateway.js";
import { h, size, date, ago, table, section, status, problem, say } from "./ui.js";

// destinations shows each destination, and passes as they go on.
export async function destinations({ signal }) {
  const report = await get("/status", signal);
  const boxes = new Map(report.destinations.map((d) => [d.name, h("div", { role: "status" })]));
  follow(boxes, signal);
  return [h("h1", null, "Destinations"), ...report.destinations.map((d) => card(d, boxes.get(d.name))),
    report.destinations.length ? "" : h("p", null, "There are none. “slotfs destination add” makes one.")];
}

function card(d, box) {
  const count = Object.entries(d.snapshots || {}).map(([k, n]) => `${n} ${k}`).join(", ") || "no backups";
  const last = d.last_pass;
  return h("section", { class: "card", "aria-label": "Destination " + d.name }, h("h2", null, d.name), h("p", { class: "dim" }, [d.engine, d.address].filter(Boolean).join(", ")),
    h("p", null, `${d.accounts} accounts, ${count}`, d.newest ? `; the newest complete one ${ago(d.newest)}` : ""),
    last ? h("p", { class: last.error ? "bad" : null }, `Last pass ${date(last.ended)}: `, last.error || `${last.summary?.found ?? 0} found, ${last.summary?.read ?? 0} read, ${last.summary?.failed ?? 0} failed`) : h("p", { class: "warn" }, "No pass was made yet."),
    last?.summary?.errors?.length ? h("ul", { class: "bad" }, last.summary.errors.slice(0, 20).map((e) => h("li", null, e))) : null,
    d.running ? h("p", { class: "warn" }, `A pass runs since ${date(d.running.began)}.`) : null,
    d.concerns?.length ? h("details", null, h("summary", null, `${d.concerns.length} concerns`), h("ul", null, d.concerns.slice(0, 200).map((c) => h("li", null, `${c.account}: ${c.texts.join("; ")}`)))) : null,
    h("div", { class: "bar" }, h("button", { type: "button", disabled: !d.configured, onclick: async () => {
      try { await change("POST", "/passes/start", { destinations: [d.name] }); box.replaceChildren(h("p", null, "The pass begins …")); } catch (e) { box.replaceChildren(problem(e)); }
    } }, "Index now", h("span", { class: "sr" }, " " + d.name))), box);
}

// follow shows what passes tell.
function follow(boxes, signal) {
  const bar = h("progress", { max: 1, "aria-label": "read" });
  events("/api/v1/progress", signal, { pass(e) {
    const box = boxes.get(e.destination);
    if (!box) return;
    if (e.kind === "finished") {
      box.replaceChildren(e.error ? problem({ message: e.error, hint: e.hint }) : h("p", { class: "ok" }, `Done: ${e.summary?.found ?? 0} found, ${e.summary?.read ?? 0} read, ${e.summary?.gone ?? 0} gone, ${e.summary?.failed ?? 0} failed.`));
      return;
    }
    if (e.kind === "began") { bar.max = e.bytes || 1; bar.value = e.done || 0; }
    if (e.kind === "read") bar.value = e.done;
    const text = { started: "Connecting …", walked: `${e.folders || 0} directories, ${e.backups || 0} backups`, planned: `${e.backups || 0} to read, ${size(e.bytes || 0)}`,
      began: `Reading ${e.source?.name}`, read: `Reading ${e.source?.name}, ${size(e.done || 0)}`, ended: `${e.source?.name}: ${e.error || e.status}` }[e.kind];
    box.replaceChildren(h("p", null, text || e.kind), ["began", "read"].includes(e.kind) ? bar : "");
  } });
}

// log shows what is wrong, and how passes and backups ended.
export async function log({ signal }) {
  return [h("h1", null, "Log"), h("h2", null, "What is wrong"), section(() => wrong(signal)), h("h2", null, "Restores"), section(() => restores(signal)), h("h2", null, "Passes and backups"), section(() => ended(signal))];
}

async function wrong(signal) {
  const all = (await get("/status?wrong", signal)).wrong || [];
  if (!all.length) return h("p", { class: "ok" }, "● Nothing that is watched is wrong.");
  return table("What is wrong", [["Since"], ["Object"], ["What"]], all.map((f) => h("tr", null, h("td", null, date(f.since)), h("td", null, f.object), h("td", { class: "bad" }, f.text))));
}

async function restores(signal) {
  const all = await get("/restores", signal);
  if (!all.length) return h("p", { class: "dim" }, "None since the service began.");
  return table("Restores", [["Began"], ["By"], ["To"], ["Files", "n"], ["Size", "n"], ["State"]], all.map((r) => h("tr", null, h("td", null, date(r.began)), h("td", null, r.who), h("td", null, r.request.directory),
    h("td", { class: "n" }, r.files), h("td", { class: "n" }, size(r.bytes)), h("td", { class: r.error ? "bad" : null }, r.error || (r.ended ? "done" : "running")))));
}

async function ended(signal) {
  const all = await get("/history" + query({ limit: 200 }), signal);
  if (!all.length) return h("p", { class: "dim" }, "Nothing was recorded yet.");
  return table("History", [["Ended"], ["What"], ["Of"], ["Result"], ["Seconds", "n"], ["Why"]], all.map((r) => h("tr", null, h("td", null, date(r.ended)), h("td", null, r.kind),
    h("td", null, [r.job, r.account].filter(Boolean).join("/") || r.destination || ""), h("td", null, status(r.result)), h("td", { class: "n" }, r.seconds.toFixed(1)), h("td", { class: "dim" }, r.error || r.warning || ""))));
}
