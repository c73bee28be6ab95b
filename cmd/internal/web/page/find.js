import { lines, query, encode, visible, placeOf, shown } from "./api.js";
import { h, size, date, problem, say, count } from "./ui.js";

const MOST = 1000;

// find looks for names in all backups, or in those of some days.
export async function find({ params, signal }) {
  const field = (id, attrs) => h("input", { id, autocomplete: "off", value: params.get(id) || "", ...attrs });
  const pattern = field("pattern", { type: "search", required: true, placeholder: "invoice*.pdf" }), below = field("below", { placeholder: "everywhere" });
  const since = field("since", { type: "date" }), until = field("until", { type: "date" }), latest = h("input", { type: "checkbox", id: "latest", checked: params.has("latest") });
  const out = h("div");
  let last = new AbortController();
  signal.addEventListener("abort", () => last.abort());
  const run = (e) => {
    e?.preventDefault();
    last.abort();
    last = new AbortController();
    look(out, { pattern: wild(pattern.value.trim()), below: below.value.replace(/^\/+|\/+$/g, ""), latest: latest.checked, since: start(since.value, 0), until: start(until.value, 1), limit: MOST }, last.signal);
  };
  if (pattern.value) run();
  const labelled = (text, input) => h("div", null, h("label", { for: input.id }, text), input);
  return [h("h1", null, "Find"), h("p", { class: "lead" }, "A name, or a pattern with * and ?. A name without them is found anywhere in file names."),
    h("form", { onsubmit: run }, h("div", { class: "bar" }, labelled("Name", pattern), labelled("below", below), h("button", { type: "submit", class: "main" }, "Find")),
      h("div", { class: "bar" }, labelled("in backups from", since), labelled("to", until), latest, h("label", { for: "latest" }, "only the newest good one of each account"))), out];
}

const wild = (name) => (/[*?[]/.test(name) ? name : `*${name.replace(/\\/g, "\\\\")}*`);

// start is the beginning of a day, or of one some days later, for the API.
function start(day, later) {
  if (!day) return "";
  const t = new Date(day + "T00:00");
  t.setDate(t.getDate() + later);
  return t.toISOString();
}

async function look(out, q, signal) {
  const body = h("tbody"), note = h("p", { class: "dim", role: "status" }, "Looking …");
  let n = 0;
  out.replaceChildren(note, h("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Found" }, h("table", null, h("caption", { class: "sr" }, "Found"),
    h("thead", null, h("tr", null, [["Path"], ["Backup"], ["Size", "n"], ["Changed", "wide"]].map(([t, cls]) => h("th", { scope: "col", class: cls }, t)))), body)));
  try {
    await lines("GET", "/find" + query(q), undefined, (m) => {
      body.append(row(m));
      note.textContent = `${++n} found so far …`;
    }, signal);
    note.textContent = !n ? "Nothing has such a name there." : n >= MOST ? `The first ${MOST} are shown. Say more of the name, or fewer days.` : `${n.toLocaleString("en")} found.`;
    say(note.textContent);
  } catch (e) {
    if (e.name !== "AbortError") note.replaceWith(problem(e));
  }
}

function row(m) {
  const path = encode(m.path, m.path_base64), place = placeOf(path), dir = m.type === "directory" ? path : path.split("/").slice(0, -1).join("/");
  return h("tr", null, h("td", null, h("a", { href: "#/files/" + dir }, place ? `${shown(place.account)}: ${shown(place.below)}` : visible(m.path))), h("td", { class: "d" }, place?.snapshot ? shown(place.snapshot) : ""),
    h("td", { class: "n" }, m.type === "file" ? size(m.size) : ""), h("td", { class: "wide dim" }, date(m.mtime)));
}
