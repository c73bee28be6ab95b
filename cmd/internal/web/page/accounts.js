import { get, query, session, encode, down } from "./api.js";
import { h, s, size, date, ago, say, problem } from "./ui.js";

const fresh = () => (session.max_age || 26 * 3600) * 1000;

// age tells how old the last good backup is, in words and colour.
function age(t) {
  if (!t) return h("span", { class: "bad" }, "✖ none");
  const old = Date.now() - new Date(t);
  const [cls, mark] = old <= fresh() ? ["ok", "●"] : old <= 2 * fresh() ? ["warn", "▲"] : ["bad", "✖"];
  return h("span", { class: cls, title: date(t) }, `${mark} ${ago(t)}`);
}

// spark draws sizes between the smallest and the largest; those that hardly differ are a line in the middle.
function spark(sizes) {
  if (sizes.length < 2) return "";
  const top = Math.max(...sizes, 1), low = Math.min(...sizes), range = Math.max(top - low, top / 10);
  const at = (v) => 12 + ((top + low) / 2 - v) * (18 / range);
  const d = sizes.map((v, i) => `${i ? "L" : "M"}${(2 + (i * 106) / (sizes.length - 1)).toFixed(1)} ${at(v).toFixed(1)}`).join("");
  return s("svg", { class: "spark", viewBox: "0 0 110 24", role: "img", "aria-label": `sizes of the last ${sizes.length} good backups: ${size(sizes[0])} to ${size(sizes.at(-1))}` }, s("path", { d }));
}

export const accountLink = (a) => `#/account/${encode(a.destination)}/${encode(a.account)}?origin=${encodeURIComponent(a.origin || "")}`;

const PAGE = 100;

// accounts lists the accounts, with a search that answers as one types.
export async function accounts({ params, signal }) {
  let from = 0, sort = params.get("sort") || "", desc = params.has("desc"), last = new AbortController();
  const search = h("input", { type: "search", id: "match", value: params.get("match") || "", autocomplete: "off", placeholder: "Account name" });
  const list = h("div");
  signal.addEventListener("abort", () => last.abort());
  async function load() {
    last.abort();
    last = new AbortController();
    const mine = last.signal;
    const p = await get("/accounts" + query({ match: search.value.trim(), sort, desc, from, limit: PAGE }), mine);
    if (mine.aborted) return;
    list.replaceChildren(...draw(p));
    say(p.total === 1 ? "1 account" : `${p.total} accounts`);
    grey(list, mine);
  }
  const again = () => load().catch((e) => { if (e.name !== "AbortError") list.replaceChildren(problem(e)); });
  const by = (key, text, cls) => h("th", { scope: "col", class: cls, "aria-sort": sort === key ? (desc ? "descending" : "ascending") : null },
    h("button", { type: "button", onclick: () => { desc = sort === key ? !desc : key !== ""; sort = key; from = 0; again(); } }, text + (sort === key ? (desc ? " ▼" : " ▲") : "")));
  function draw(p) {
    if (!p.total) return [h("p", null, search.value ? "No account has that in its name." : "There are no backups yet. “slotfs index” looks for them.")];
    return [h("div", { class: "scroll" }, h("table", null, h("caption", { class: "sr" }, "Accounts"),
      h("thead", null, h("tr", null, by("", "Account"), h("th", { scope: "col", class: "wide" }, "On"), by("newest", "Last good backup"), by("size", "Size", "n"),
        h("th", { scope: "col", class: "wide" }, "Sizes"), by("snapshots", "Backups", "n wide"), by("concerns", "Concerns"))),
      h("tbody", null, p.accounts.map((a) => h("tr", { "data-on": a.destination }, h("td", null, h("a", { href: accountLink(a) }, a.account)),
        h("td", { class: "dim wide" }, a.destination + (a.origin ? "/" + a.origin : "")), h("td", { class: "d" }, age(a.newest_good)), h("td", { class: "n" }, size(a.size)),
        h("td", { class: "wide" }, spark(a.sizes)), h("td", { class: "n wide" }, a.snapshots),
        h("td", { class: "warn" }, a.concerns?.length ? "⚠ " + a.concerns.join("; ") : "")))))),
    p.total > PAGE ? h("p", { class: "bar" }, `${from + 1} to ${from + p.accounts.length} of ${p.total.toLocaleString("en")}`,
      h("button", { type: "button", disabled: !from, onclick: () => { from = Math.max(0, from - PAGE); again(); } }, "Before"),
      h("button", { type: "button", disabled: !p.next, onclick: () => { from = p.next; again(); } }, "Next")) : ""];
  }
  search.addEventListener("input", () => { from = 0; again(); });
  await load();
  return [h("h1", null, "Accounts"), h("p", { class: "lead" }, "Choose an account to look at its backups, or ", h("a", { href: "#/find" }, "find a file in all of them"), "."),
    h("div", { class: "bar" }, h("label", { for: "match" }, "Name has"), search), list];
}

// grey marks what is on destinations that could not be reached.
async function grey(list, signal) {
  const gone = await down(signal);
  for (const row of list.querySelectorAll("[data-on]")) {
    if (!gone.has(row.dataset.on)) continue;
    row.classList.add("down");
    row.children[1].append(" (not reached)");
  }
}
