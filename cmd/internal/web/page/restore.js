import { get, change, shown } from "./api.js";
import { h, size, problem } from "./ui.js";

// restoreDialog restores paths into a directory of the machine: first it tells what would happen.
export function restoreDialog(paths) {
  const directory = h("input", { id: "directory", required: true, pattern: "/.*", placeholder: "/root/restored", size: 36 });
  const overwrite = h("input", { type: "checkbox", id: "overwrite" });
  const out = h("div", { role: "status" });
  let id = "", over = false;
  const run = async (dry) => {
    if (!directory.reportValidity()) return;
    try {
      const begun = await change("POST", "/restores", { paths: paths.map(raw), directory: directory.value, overwrite: overwrite.checked, dry_run: dry });
      id = begun.id;
      follow(begun);
    } catch (e) { out.replaceChildren(problem(e)); }
  };
  const cancel = h("button", { type: "button", hidden: true, onclick: () => change("DELETE", "/restores/" + id).catch((e) => out.append(problem(e))) }, "Cancel the restore");
  async function follow(st) {
    out.replaceChildren(...told(st));
    cancel.hidden = Boolean(st.ended);
    if (st.ended || over) return;
    await new Promise((done) => setTimeout(done, 700));
    try { follow(await get("/restores/" + id)); } catch (e) { out.append(problem(e)); }
  }
  const dialog = h("dialog", { "aria-label": "Restore", onclose: () => { over = true; dialog.remove(); } }, h("h2", null, `Restore ${paths.length} ${paths.length === 1 ? "entry" : "entries"}`),
    h("ul", { class: "dim" }, paths.slice(0, 5).map((p) => h("li", null, shown(p))), paths.length > 5 ? h("li", null, `and ${paths.length - 5} more`) : null),
    h("p", null, h("label", { for: "directory" }, "Into the directory of this machine "), directory), h("p", null, overwrite, h("label", { for: "overwrite" }, " replace files that differ")),
    h("div", { class: "bar" }, h("button", { type: "button", onclick: () => run(true) }, "What would happen"), h("button", { type: "button", class: "main", onclick: () => run(false) }, "Restore"), cancel, h("button", { type: "button", onclick: () => dialog.close() }, "Close")), out);
  document.body.append(dialog);
  dialog.showModal();
}

// raw is a path as a restore takes it: text.
const raw = (path) => decodeURIComponent(path);

function told(st) {
  const r = st.report, dry = st.request.dry_run;
  const lines = [h("p", null, `${st.ended ? (dry ? "It would be" : "Ended:") : "Under way:"} ${st.files.toLocaleString("en")} files, ${size(st.bytes)}`)];
  if (!st.ended && st.planned_bytes) lines.push(h("progress", { max: st.planned_bytes, value: st.bytes, "aria-label": "restored" }));
  if (st.error) lines.push(problem({ message: st.error, hint: st.hint }));
  if (r?.not_complete?.length) lines.push(h("p", { class: "warn" }, "⚠ Not everything in these backups was proven to be right."));
  if (r?.failures?.length) lines.push(h("ul", { class: "bad" }, r.failures.slice(0, 50).map((f) => h("li", null, `${f.path}: ${f.error}`))));
  else if (st.ended && !st.error && !st.code) lines.push(h("p", { class: "ok" }, dry ? "Nothing is in the way." : "● Everything is there."));
  return lines;
}
