import { get, change, lines, query } from "./api.js";
import { h, s, size, date, ago, duration, table, section, status, problem, facts, count } from "./ui.js";

const MOST = 20; // accounts of which the slots are drawn

// jobs shows each job: its runs as bars, and its slots as the rings they are.
export async function jobs({ signal }) {
  const all = await get("/jobs", signal);
  if (!all.length) return [h("h1", null, "Jobs"), h("p", null, "There are no jobs. “slotfs job add” makes one.")];
  return [h("h1", null, "Jobs"), h("p", { class: "lead" }, "What this machine backs up, and the slots that it writes to."), ...all.map((j) => job(j, signal))];
}

function job(j, signal) {
  const url = "/jobs/" + encodeURIComponent(j.name), slots = h("div"), said = h("div", { role: "status" }), top = h("div");
  const show = () => slots.replaceChildren(section(() => rings(j, url, show, signal), h("p", { class: "dim" }, "Asking the destination for the slots …")));
  const head = (now) => top.replaceChildren(...about(now), section(() => runs(now, signal), ""));
  const watch = async (now) => {
    said.replaceChildren(...launched(now.launch));
    run.disabled = Boolean(now.launch && !now.launch.ended);
    if (!run.disabled) return;
    await new Promise((done) => setTimeout(done, 1000));
    if (signal.aborted) return;
    const next = (await get("/jobs", signal)).find((x) => x.name === j.name);
    if (next?.launch?.ended) { head(next); show(); }
    if (next) watch(next).catch(ignore);
  };
  const run = h("button", { type: "button", class: "main", onclick: async () => {
    try { watch({ ...j, launch: await change("POST", url + "/run") }).catch(ignore); } catch (e) { said.replaceChildren(problem(e)); }
  } }, "Run now", h("span", { class: "sr" }, " " + j.name));
  head(j);
  watch(j).catch(ignore);
  show();
  return h("section", { class: "card", "aria-label": "Job " + j.name }, h("h2", null, j.name), h("p", { class: "dim" }, `${j.source.join(", ")} → ${j.destination}`), top,
    h("div", { class: "bar" }, run, h("button", { type: "button", onclick: (e) => verify(e.target.closest("button"), url, said, signal) }, "Verify", h("span", { class: "sr" }, " " + j.name))), said, slots);
}

const ignore = () => { /* the view is left, or the next one tells */ };

function launched(l) {
  if (!l) return [];
  if (!l.ended) return [h("p", null, `It runs since ${date(l.began)}.`), h("progress", { "aria-label": "run" })];
  if (l.code === 0) return [h("p", { class: "ok" }, `● The run that was asked for here ended ${ago(l.ended)}.`)];
  return [problem({ message: `The run ended with exit code ${l.code}.`, hint: l.error })];
}

function about(j) {
  const r = j.last_run, keep = ["hourly", "daily", "weekly", "monthly", "yearly"].filter((k) => j["keep_" + k]).map((k) => `${j["keep_" + k]} ${k}`).join(", ");
  return [facts([["Keeps", keep || count(j.retention, "slot")], ["Writes", j.mode === "compressed" ? "compressed archives" : "plain trees"],
    r ? ["Last run", [status(r.result), " ", ago(r.ended)]] : ["Last run", "never", "warn"],
    r ? ["Took", duration(r.seconds)] : null, r ? ["Sent", size(r.sent_bytes || 0)] : null, r ? ["Copied on the server", count((r.copied || 0) + (r.linked || 0), "file")] : null]),
  r?.error ? problem({ message: r.error }) : null, r?.warning ? h("p", { class: "warn" }, "⚠ " + r.warning) : null].filter(Boolean);
}

async function runs(j, signal) {
  const all = (await get("/history" + query({ name: j.name, kind: "run", limit: 40 }), signal)).reverse();
  if (all.length < 2) return "";
  const top = Math.max(...all.map((r) => r.seconds), 0.1);
  return [h("ul", { class: "runs", "aria-label": "The last runs, as long as they took" }, all.map((r) => {
    const text = `${date(r.ended)}: ${r.result}, ${duration(r.seconds)}, ${size(r.sent_bytes || 0)} sent, ${r.copied || 0} files copied`;
    return h("li", { class: r.result === "complete" || r.result === "partial" ? null : "failed", title: text, style: { height: Math.max(4, (r.seconds / top) * 74) + "px" } }, h("span", { class: "sr" }, text));
  })), h("p", { class: "legend" }, h("span", null, `${all.length} runs from ${date(all[0].ended)} on; the highest bar is ${duration(top)}`))];
}

async function rings(j, url, again, signal) {
  const all = await get(url + "/slots", signal);
  const accounts = [...Map.groupBy(all, (x) => x.account)];
  if (!accounts.length) return h("p", null, "It wrote no slots yet.");
  const list = h("div");
  const draw = (match) => {
    const some = accounts.filter(([name]) => name.toLowerCase().includes(match.toLowerCase()));
    list.replaceChildren(...some.slice(0, MOST).map(([name, own]) => h("div", { class: "slots" }, ring(name, own, j.retention), rows(name, own, url, again))),
      some.length > MOST ? h("p", { class: "dim" }, `${MOST} of ${some.length} accounts are shown.`) : "");
  };
  draw("");
  const id = "slots-of-" + j.name;
  return [accounts.length > 5 ? h("div", { class: "bar" }, h("label", { for: id }, "Account has"), h("input", { type: "search", id, autocomplete: "off", oninput: (e) => draw(e.target.value) })) : "", list];
}

// ring draws slots in their order, with an arc outside of the one that the next run takes; places that were not written yet are empty.
function ring(name, own, places) {
  const numbers = new Map(own.map((x) => [x.slot, x])), n = Math.max(places || 0, ...numbers.keys());
  const point = (turn, r) => [84 + r * Math.sin(turn * 2 * Math.PI), 84 - r * Math.cos(turn * 2 * Math.PI)].map((v) => v.toFixed(1));
  const arc = (a, b, r) => `M${point(a, r).join(" ")}A${r} ${r} 0 ${b - a > 0.5 ? 1 : 0} 1 ${point(b, r).join(" ")}`;
  const parts = Array.from({ length: n }, (_, i) => {
    const x = numbers.get(i + 1), gap = n > 1 ? 0.06 / n : 0.001, a = i / n + gap, b = (i + 1) / n - gap, [tx, ty] = point((a + b) / 2, 36);
    const phase = !x ? "empty" : ["complete", "updating"].includes(x.phase) ? x.phase : "other";
    return [s("path", { class: phase, d: arc(a, b, 60) }, x ? s("title", null, `slot ${x.slot}: ${x.phase}${x.finished ? ", " + date(x.finished) : ""}`) : null), x?.next ? s("path", { class: "next", d: arc(a, b, 76) }) : null,
      n <= 16 ? s("text", { x: tx, y: ty }, (i + 1) + (x?.pinned ? " ⚑" : "")) : null];
  });
  return s("svg", { class: "ring", viewBox: "0 0 168 168", role: "img", "aria-label": `the ${n} slots of ${name} as a ring; the table beside it says the same` }, parts);
}

function rows(name, own, url, again) {
  const oldest = own.filter((x) => x.finished).sort((a, b) => new Date(a.finished) - new Date(b.finished))[0];
  const pin = (x) => h("button", { type: "button", onclick: async (e) => {
    e.target.disabled = true;
    try { await change("POST", `${url}/slots/${encodeURIComponent(x.account)}/${x.slot}/${x.pinned ? "unpin" : "pin"}`); again(); } catch (err) { e.target.after(problem(err)); }
  } }, x.pinned ? "Unpin" : "Pin", h("span", { class: "sr" }, ` slot ${x.slot} of ${x.account}`));
  return h("div", null, h("h3", null, name, own[0].gone ? h("span", { class: "warn" }, " ⚠ no longer found by runs") : ""), table("Slots of " + name, [["Slot", "n"], ["State"], ["Finished"], ["Size", "n"], ["Verified", "wide"], [""]], own.map((x) => h("tr", null, h("td", { class: "n" }, x.slot),
    h("td", null, status(x.phase), x.pinned ? " ⚑ pinned" : "", x === oldest && own.length > 1 ? h("span", { class: "dim" }, " oldest") : "", x.next ? h("div", { class: "dim" }, "→ next: " + x.next) : null, x.error ? h("div", { class: "bad" }, x.error) : null), h("td", { class: "d" }, date(x.finished)),
    h("td", { class: "n" }, size(x.bytes)), h("td", { class: "wide d" }, date(x.verified)), h("td", null, pin(x))))));
}

async function verify(button, url, box, signal) {
  button.disabled = true;
  const out = h("ul"), note = h("p", { class: "dim" }, "Comparing the slots with their manifests …"), bar = h("progress", { "aria-label": "verification" });
  box.replaceChildren(note, bar, out);
  try {
    await lines("POST", url + "/verify", { sample: 0 }, (v) => { out.append(h("li", { class: v.error || v.differences?.length ? "bad" : "ok" },
      `${v.account}${v.slot ? " slot " + v.slot : ""}: ${v.error || (v.differences?.length ? count(v.differences.length, "difference") + "; the next run repairs them" : "as its manifest says")}`)); }, signal);
    note.textContent = "Verified:";
  } catch (e) {
    if (e.name !== "AbortError") box.append(problem(e));
  }
  bar.remove();
  button.disabled = false;
}
