import { get, change, lines, query } from "./api.js";
import { h, s, size, date, table, section, status, problem } from "./ui.js";

// jobs shows each job: its runs as bars, and its slots as the rings they are.
export async function jobs({ signal }) {
  const all = await get("/jobs", signal);
  if (!all.length) return [h("h1", null, "Jobs"), h("p", null, "There are no jobs. “slotfs job add” makes one.")];
  return [h("h1", null, "Jobs"), ...all.map((j) => job(j, signal))];
}

function job(j, signal) {
  const slots = h("div"), url = "/jobs/" + encodeURIComponent(j.name);
  const show = () => slots.replaceChildren(section(() => rings(j, url, show, signal), h("p", { class: "dim" }, "Asking the destination …")));
  return h("section", { class: "card", "aria-label": "Job " + j.name }, h("h2", null, j.name),
    h("p", { class: "dim" }, `${j.source.join(", ")} to ${j.destination}, ${j.retention} slots, ${j.mode}`),
    j.last_run ? h("p", null, "Last run ", date(j.last_run.ended), " ", status(j.last_run.result), j.last_run.error ? " " + j.last_run.error : "") : h("p", { class: "warn" }, "It never ran."),
    section(() => runs(j, signal), h("span")), h("div", { class: "bar" }, h("button", { type: "button", onclick: show }, "Show slots"),
      h("button", { type: "button", onclick: (e) => verify(e.target, url, slots, signal) }, "Verify")), slots);
}

async function runs(j, signal) {
  const all = (await get("/history" + query({ name: j.name, kind: "run", limit: 40 }), signal)).reverse();
  const top = Math.max(...all.map((r) => r.seconds), 1);
  return all.length < 2 ? "" : h("ul", { class: "runs", "aria-label": "Runs by duration" }, all.map((r) => {
    const text = `${date(r.ended)}: ${r.result}, ${Math.round(r.seconds)} s, ${size(r.sent_bytes || 0)} sent, ${r.copied || 0} files copied`;
    return h("li", { class: r.result === "complete" || r.result === "partial" ? null : "failed", title: text, style: { height: Math.max(4, (r.seconds / top) * 80) + "px" } }, h("span", { class: "sr" }, text));
  }));
}

async function rings(j, url, again, signal) {
  const all = await get(url + "/slots", signal);
  const accounts = Map.groupBy(all, (x) => x.account);
  return all.length ? [...accounts].map(([name, own]) => h("div", null, h("h3", null, name), h("div", { class: "slots" }, ring(own), rows(own, url, again)))) : h("p", null, "It wrote no slots yet.");
}

// ring draws slots in their order; the one that is taken next has an arrow.
function ring(own) {
  const n = own.length, point = (turn, r) => [75 + r * Math.sin(turn * 2 * Math.PI), 75 - r * Math.cos(turn * 2 * Math.PI)].map((v) => v.toFixed(1)).join(" ");
  const parts = own.map((x, i) => {
    const gap = n > 1 ? 0.008 : 0.001, a = i / n + gap, b = (i + 1) / n - gap;
    return [s("path", { class: ["complete", "updating"].includes(x.phase) ? x.phase : "other", d: `M${point(a, 58)}A58 58 0 ${b - a > 0.5 ? 1 : 0} 1 ${point(b, 58)}` }),
      s("text", { x: point((a + b) / 2, 34).split(" ")[0], y: point((a + b) / 2, 34).split(" ")[1] }, (x.next ? "→" : "") + x.slot + (x.pinned ? "⚑" : ""))];
  });
  return s("svg", { class: "ring", viewBox: "0 0 150 150", role: "img", "aria-label": `${n} slots; the table beside has them` }, parts.flat());
}

function rows(own, url, again) {
  const pin = (x) => h("button", { type: "button", onclick: async (e) => {
    e.target.disabled = true;
    try { await change("POST", `${url}/slots/${encodeURIComponent(x.account)}/${x.slot}/${x.pinned ? "unpin" : "pin"}`); again(); } catch (err) { e.target.after(problem(err)); }
  } }, x.pinned ? "Unpin" : "Pin", h("span", { class: "sr" }, ` slot ${x.slot} of ${x.account}`));
  return h("div", null, table("Slots", [["Slot", "n"], ["State"], ["Finished"], ["Size", "n"], ["Verified"], ["Next"], [""]], own.map((x) => h("tr", null, h("td", { class: "n" }, x.slot),
    h("td", null, status(x.phase), x.pinned ? " ⚑ pinned" : "", x.error ? h("div", { class: "bad" }, x.error) : null), h("td", null, date(x.finished)), h("td", { class: "n" }, size(x.bytes)), h("td", null, date(x.verified)), h("td", null, x.next ? "→ " + x.next : ""), h("td", null, pin(x))))));
}

async function verify(button, url, box, signal) {
  button.disabled = true;
  const out = h("ul", { role: "status" });
  box.replaceChildren(h("p", { class: "dim" }, "Comparing with the manifests …"), out);
  try {
    await lines("POST", url + "/verify", { sample: 0 }, (v) => out.append(h("li", { class: v.error || v.differences?.length ? "bad" : "ok" },
      `${v.account}${v.slot ? " slot " + v.slot : ""}: ${v.error || (v.differences?.length ? v.differences.length + " differences; the next run repairs them" : "as its manifest says")}`)), signal);
    box.firstChild.textContent = "Done.";
  } catch (e) {
    if (e.name !== "AbortError") box.replaceChildren(problem(e), out);
  }
  button.disabled = false;
}
