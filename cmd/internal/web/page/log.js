import { get, raw, change, query } from "./api.js";
import { h, size, date, duration, table, section, status, problem } from "./ui.js";

// log shows what is wrong, who did what, and how passes and backups ended.
export async function log({ signal }) {
  const parts = [["What is wrong", wrong], ["Restores", restores], ["Passes and backups", ended], ["Who looked at and took what", audited], ["Reads that failed", reads]];
  return [h("h1", null, "Log"), ...parts.flatMap(([title, load]) => [h("h2", null, title), section(() => load(signal))])];
}

async function wrong(signal) {
  const all = (await get("/status?wrong", signal)).wrong || [];
  if (!all.length) return h("p", { class: "ok" }, "● Nothing that is watched is wrong.");
  return table("What is wrong", [["Since"], ["Object"], ["What"]], all.map((f) => h("tr", null, h("td", { class: "d" }, date(f.since)), h("td", null, f.object), h("td", { class: "bad" }, f.text))));
}

async function restores(signal) {
  const [into, live, kept] = await Promise.all([get("/restores", signal), get("/live", signal), get("/live-records", signal).catch(() => [])]);
  const all = [...into.map((r) => [r, r.request.directory]), ...live.map((r) => [r, r.undo ? "undo of " + r.undo : "the account"])].sort(([a], [b]) => new Date(b.began) - new Date(a.began));
  const state = (r) => (r.error ? h("span", { class: "bad" }, "✖ " + r.error) : !r.ended ? "running" : h("span", { class: "ok" }, r.request.dry_run ? "● looked only" : "● done"));
  return [all.length ? table("Restores", [["Began"], ["By", "wide"], ["To"], ["Files", "n"], ["Size", "n"], ["State"]], all.map(([r, to]) => h("tr", null, h("td", { class: "d" }, date(r.began)), h("td", { class: "wide" }, r.who), h("td", null, to),
    h("td", { class: "n" }, r.files.toLocaleString("en")), h("td", { class: "n" }, size(r.bytes)), h("td", null, state(r))))) : h("p", { class: "dim" }, "None since the service began."),
  kept.length ? [h("h2", null, "What was put back into accounts"), table("Put back into accounts", [["When"], ["Account"], ["What"], ["Stage"], [""]], kept.map((r) => h("tr", null, h("td", { class: "d" }, date(r.time)), h("td", null, r.account), h("td", null, `${r.kind} ${r.target}`),
    h("td", null, r.undone ? "put back" : r.stage), h("td", null, r.stage === "done" && !r.undone ? undo(r) : ""))))] : ""];
}

// undo puts back what was there before a restore, after it said what that is.
function undo(r) {
  let sure = false;
  const out = h("div", { role: "status" });
  const button = h("button", { type: "button", onclick: async () => {
    button.disabled = true;
    try {
      let st = await change("POST", `/live-records/${encodeURIComponent(r.id)}/undo`, { dry_run: !sure });
      while (!st.ended) { await new Promise((done) => setTimeout(done, 400)); st = await get("/live/" + st.id); }
      if (st.error) throw Object.assign(new Error(st.error), { hint: st.hint });
      out.replaceChildren(h("p", { class: "ok" }, sure ? "● Put back." : `It would be put back to ${r.target}.`));
      button.textContent = "Put back now";
      button.disabled = sure;
      sure = true;
    } catch (e) { out.replaceChildren(problem(e)); button.disabled = false; }
  } }, "Put back what was there …", h("span", { class: "sr" }, " before " + r.id));
  return [button, out];
}

async function ended(signal) {
  const all = await get("/history" + query({ limit: 100 }), signal);
  if (!all.length) return h("p", { class: "dim" }, "Nothing was recorded yet.");
  return table("History", [["Ended"], ["What"], ["Of"], ["Result"], ["Took", "n"], ["Why"]], all.map((r) => h("tr", null, h("td", { class: "d" }, date(r.ended)), h("td", null, r.kind),
    h("td", null, [r.job, r.account].filter(Boolean).join("/") || r.destination || ""), h("td", { class: "d" }, status(r.result)), h("td", { class: "n" }, duration(r.seconds)), h("td", { class: "dim" }, r.error || r.warning || ""))));
}

async function audited(signal) {
  const all = await get("/audit" + query({ limit: 100 }), signal);
  if (!all.length) return h("p", { class: "dim" }, "Nobody looked at anything yet.");
  return table("Audit", [["When"], ["Who"], ["Did"], ["What"], ["Size", "n"], ["From", "wide"]], all.map((r) => h("tr", null, h("td", { class: "d" }, date(r.time)), h("td", null, r.who), h("td", { class: r.action === "refused" || r.error ? "bad" : null }, r.action),
    h("td", null, (r.paths?.[0] || r.detail || "").slice(0, 300), r.count > 1 ? h("span", { class: "dim" }, ` and ${r.count - 1} more`) : "", r.error ? h("div", { class: "bad" }, r.error) : null), h("td", { class: "n" }, r.bytes ? size(r.bytes) : ""), h("td", { class: "wide dim" }, r.from || ""))));
}

// reads are the last errors of reads, as the mount's errors.log has them.
async function reads(signal) {
  let text;
  try { text = await (await raw("/content?path=.slotfs/errors.log", {}, signal)).text(); } catch (e) { if (e.status !== 404) throw e; }
  return text ? h("pre", { tabindex: 0, "aria-label": "errors of reads" }, text.trim().split("\n").slice(-50).reverse().join("\n")) : h("p", { class: "ok" }, "● None that is known of.");
}
