import { get, change, shown } from "./api.js";
import { h, size, problem, count } from "./ui.js";

// restoreDialog restores paths into a directory of the machine, or back into their account. What would happen is told first.
export function restoreDialog(paths) {
  const directory = h("input", { id: "directory", required: true, pattern: "/.*", placeholder: "/root/restored" }), overwrite = h("input", { type: "checkbox", id: "overwrite" });
  const into = h("div", null, h("p", null, h("label", { for: "directory" }, "Directory of this machine"), directory), h("p", null, overwrite, h("label", { for: "overwrite" }, " replace files that differ")));
  const back = h("div", { hidden: true }, h("p", null, "Each piece goes back to where it lives: files and mailboxes into the account's home, databases into this machine's MySQL or MariaDB. What is there now is kept and can be put back under ", h("b", null, "Log"), "."));
  const out = h("div", { role: "status" });
  let live = false, over = false, id = "";
  const root = () => (live ? "/live" : "/restores");
  const request = (dry) => (live ? { paths: paths.map(raw), dry_run: dry } : { paths: paths.map(raw), directory: directory.value, overwrite: overwrite.checked, dry_run: dry });
  const run = async (dry) => {
    if (!live && !directory.reportValidity()) return;
    try {
      const begun = await change("POST", root(), request(dry));
      id = begun.id;
      follow(begun, root());
    } catch (e) { out.replaceChildren(problem(e)); }
  };
  const cancel = h("button", { type: "button", hidden: true, onclick: () => change("DELETE", root() + "/" + id).catch((e) => out.append(problem(e))) }, "Cancel the restore");
  const go = h("button", { type: "button", class: "main", onclick: () => run(false) }, "Restore"), dry = h("button", { type: "button", onclick: () => run(true) }, "What would happen");
  const follow = async (st, at) => {
    const running = !st.ended;
    out.replaceChildren(...(at === "/live" ? toldLive(st) : told(st)));
    cancel.hidden = !running;
    dry.disabled = running;
    go.disabled = running || (live && (!st.request.dry_run || st.code !== 0));
    if (!running || over) return;
    await new Promise((done) => setTimeout(done, 400));
    try { follow(await get(`${at}/${st.id}`), at); } catch (e) { out.append(problem(e)); }
  };
  const choose = (way) => {
    live = way;
    [into.hidden, back.hidden, go.disabled] = [live, !live, live];
    for (const [b, is] of [[dir, !live], [home, live]]) b.setAttribute("aria-pressed", String(is));
    out.replaceChildren(live ? h("p", { class: "dim" }, "See first what would happen; then it can be restored.") : "");
  };
  const dir = h("button", { type: "button", "aria-pressed": "true", onclick: () => choose(false) }, "Into a directory"), home = h("button", { type: "button", "aria-pressed": "false", onclick: () => choose(true) }, "Back into the account");
  const dialog = h("dialog", { "aria-labelledby": "restoring", onclose: () => { over = true; dialog.remove(); } }, h("h2", { id: "restoring" }, `Restore ${count(paths.length, "entry", "entries")}`),
    h("ul", { class: "dim" }, paths.slice(0, 5).map((p) => h("li", null, shown(p))), paths.length > 5 ? h("li", null, `and ${paths.length - 5} more`) : null),
    h("div", { class: "bar", role: "group", "aria-label": "Where to" }, dir, home), into, back,
    h("div", { class: "bar" }, dry, go, cancel, h("button", { type: "button", class: "end", onclick: () => dialog.close() }, "Close")), out);
  document.body.append(dialog);
  dialog.showModal();
}

// raw is a path as a restore takes it: text.
function raw(path) {
  try { return decodeURIComponent(path); } catch {
    throw Object.assign(new Error(`${shown(path)}: the name is not UTF-8`), { hint: "Select the directory that it is in." });
  }
}

function bar(st) { return st.planned_bytes ? h("progress", { max: st.planned_bytes, value: st.bytes, "aria-label": "restored" }) : h("progress", { "aria-label": "restored" }); }

export function told(st) {
  const r = st.report, dry = st.request.dry_run, lines = [h("p", null, `${st.ended ? (dry ? "It would be" : "It ended with") : "Under way:"} ${count(st.files, "file")}, ${size(st.bytes)}`)];
  if (!st.ended) lines.push(bar(st));
  if (st.error) lines.push(problem({ message: st.error, hint: st.hint }));
  if (r?.not_complete?.length) lines.push(h("p", { class: "warn" }, "⚠ Not everything in these backups was proven to be right."));
  if (r?.failures?.length) lines.push(h("ul", { class: "bad" }, r.failures.slice(0, 50).map((f) => h("li", null, `${f.path}: ${f.error}`))));
  else if (st.ended && !st.error && !st.code) lines.push(h("p", { class: "ok" }, dry ? "Nothing is in the way." : "● Everything is there."));
  return lines;
}

function toldLive(st) {
  const dry = st.request.dry_run, lines = [];
  if (!st.ended) lines.push(h("p", null, `Under way: ${st.part || "beginning"}, ${size(st.bytes)}`), bar(st));
  if (st.error) lines.push(problem({ message: st.error, hint: st.hint }));
  for (const o of st.outcomes || []) {
    lines.push(h("div", { class: "card" }, h("b", null, o.error ? "✖ " : dry ? "" : "● ", shown(o.path)), h("div", { class: "dim" }, `${o.kind} ${dry ? "would go" : "went"} to ${o.target} of ${o.account}`),
      o.tables?.length ? h("div", null, `tables: ${o.tables.slice(0, 30).join(", ")}${o.tables.length > 30 ? ", …" : ""}`) : null,
      o.removed?.length ? h("div", { class: "warn" }, `tables that are not in the backup, and go: ${o.removed.join(", ")}`) : null,
      o.files ? h("div", null, summary(o.files)) : null, (o.notes || []).map((t) => h("div", { class: "dim" }, t)), o.before ? h("div", { class: "dim" }, `what was there is kept in ${o.before}`) : null, o.error ? h("div", { class: "bad" }, o.error) : null));
  }
  if (st.ended && !st.error && !st.code) lines.push(h("p", { class: "ok" }, dry ? "Nothing is in the way. “Restore” does it." : "● Done."));
  return lines;
}

const WORDS = { files: "files", bytes: "", folders: "directories", links: "links", special: "pipes and sockets", same: "already as in the backup", replaced: "that replace something else", failed: "failed", lines: "lines added" };
const summary = (f) => Object.entries(WORDS).filter(([k]) => f[k]).map(([k, word]) => (k === "bytes" ? size(f[k]) : `${f[k].toLocaleString("en")} ${word}`)).join(", ");
