import { get, query, session, encode, shown, accountQuery } from "./api.js";
import { h, s, size, date, ago, table, status, section, say } from "./ui.js";

const fresh = () => (session.max_age || 26 * 3600) * 1000;

// age tells how old the last good backup is, in words and colour.
function age(t) {
  if (!t) return h("span", { class: "bad" }, "✖ none");
  const old = Date.now() - new Date(t);
  const [cls, mark] = old <= fresh() ? ["ok", "●"] : old <= 2 * fresh() ? ["warn", "▲"] : ["bad", "✖"];
  return h("span", { class: cls, title: date(t) }, `${mark} ${ago(t)}`);
}

function spark(sizes) {
  if (sizes.length < 2) return "";
  const top = Math.max(...sizes, 1);
  const d = sizes.map((v, i) => `${i ? "L" : "M"}${(2 + (i * 106) / (sizes.length - 1)).toFixed(1)} ${(24 - (v / top) * 22).toFixed(1)}`).join("");
  return s("svg", { class: "spark", viewBox: "0 0 110 26", role: "img", "aria-label": `sizes of the last ${sizes.length} good backups: ${size(sizes[0])} to ${size(sizes.at(-1))}` }, s("path", { d }));
}

export const accountLink = (a) => `#/account/${encode(a.destination)}/${encode(a.account)}?origin=${encodeURIComponent(a.origin || "")}`;

const PAGE = 100;

// accounts lists the accounts, with a search that answers as one types.
export async function accounts({ params, signal }) {
  let from = 0, sort = params.get("sort") || "", desc = params.has("desc"), last = new AbortController();
  const search = h("input", { type: "search", id: "match", value: params.get("match") || "", autocomplete: "off" });
  const list = h("div");
  async function load() {
    last.abort();
    last = new AbortController();
    const mine = last.signal;
    signal.addEventListener("abort", () => last.abort());
    const p = await get("/accounts" + query({ match: search.value, sort, desc, from, limit: PAGE }), mine);
    if (mine.aborted) return;
    list.replaceChildren(...draw(p));
    say(`${p.total} accounts`);
  }
  const again = () => load().catch((e) => { if (e.name !== "AbortError") list.replaceChildren(h("div", { class: "error", role: "alert" }, e.message)); });
  const by = (key, text, cls) => h("th", { scope: "col", class: cls, "aria-sort": sort === key ? (desc ? "descending" : "ascending") : null },
    h("button", { type: "button", onclick: () => { desc = sort === key ? !desc : key !== ""; sort = key; from = 0; again(); } }, text + (sort === key ? (desc ? " ▼" : " ▲") : "")));
  function draw(p) {
    if (!p.total) return [h("p", null, search.value ? "No account has that in its name." : "There are no backups yet. “slotfs index” looks for them.")];
    return [h("div", { class: "scroll" }, h("table", null, h("caption", { class: "sr" }, "Accounts"),
      h("thead", null, h("tr", null, by("", "Account"), h("th", { scope: "col", class: "wide" }, "On"), by("newest", "Last good backup"), by("size", "Size", "n"),
        h("th", { scope: "col", class: "wide" }, "Sizes"), by("snapshots", "Backups", "n wide"), by("concerns", "Concerns"))),
      h("tbody", null, p.accounts.map((a) => h("tr", null, h("td", null, h("a", { href: accountLink(a) }, a.account)),
        h("td", { class: "dim wide" }, a.destination + (a.origin ? "/" + a.origin : "")), h("td", null, age(a.newest_good)), h("td", { class: "n" }, size(a.size)),
        h("td", { class: "wide" }, spark(a.sizes)), h("td", { class: "n wide" }, a.snapshots),
        h("td", { class: "warn" }, a.concerns?.length ? "⚠ " + a.concerns.join("; ") : "")))))),
    h("p", { class: "bar" }, `${from + 1} to ${from + p.accounts.length} of ${p.total}`,
      h("button", { type: "button", disabled: !from, onclick: () => { from = Math.max(0, from - PAGE); again(); } }, "Before"),
      h("button", { type: "button", disabled: !p.next, onclick: () => { from = p.next; again(); } }, "Next"))];
  }
  search.addEventListener("input", () => { from = 0; again(); });
  await load();
  return [h("h1", null, "Accounts"), h("div", { class: "bar" }, h("label", { for: "match" }, "Name has"), search), list];
}

// account shows the backups of one account.
export async function account({ path, params, signal }) {
  const [destination, name] = path.split("/");
  const of = { destination, account: name, origin: encodeURIComponent(params.get("origin") || "") };
  const all = await get("/snapshots" + accountQuery(of), signal);
  const picked = new Set();
  const go = h("button", { class: "main", type: "button", disabled: true, onclick: () => {
    const [a, b] = all.filter((x) => picked.has(x.path)).map((x) => encode(x.path));
    location.hash = `#/compare?old=${encodeURIComponent(b)}&new=${encodeURIComponent(a)}`;
  } }, "Compare two");
  const newest = all.find((x) => x.status === "complete") || all[0];
  const row = (x) => h("tr", null,
    h("td", null, h("input", { type: "checkbox", "aria-label": "compare " + x.name, onchange: (e) => {
      e.target.checked ? picked.add(x.path) : picked.delete(x.path);
      go.disabled = picked.size !== 2;
    } })),
    h("td", null, h("a", { href: "#/files/" + encode(x.path) }, x.name)), h("td", null, date(x.time)), h("td", null, status(x.status), x.detail ? h("div", { class: "dim" }, x.detail) : null),
    h("td", { class: "n" }, size(x.size)), h("td", { class: "n wide" }, x.entries.toLocaleString("en")), h("td", { class: "wide" }, x.kind),
    h("td", { class: "warn" }, x.concerns?.length ? "⚠ " + x.concerns.join("; ") : ""));
  return [h("h1", null, shown(name)), h("p", { class: "dim" }, `on ${shown(destination)}${of.origin ? "/" + params.get("origin") : ""}, ${all.length} backups`),
    h("h2", null, newest.status === "complete" ? "In the last good backup" : "In the last backup"), section(() => parts(newest, signal)),
    h("h2", null, "Backups"), h("div", { class: "bar" }, go, h("span", { class: "dim" }, "Tick two of them to see what differs.")),
    table("Backups", [["Pick"], ["Name"], ["Made"], ["State"], ["Size", "n"], ["Entries", "n wide"], ["Kind", "wide"], ["Concerns"]], all.map(row))];
}

// parts are the directories of a backup, with how many of each kind there are.
async function parts(x, signal) {
  const p = await get("/list" + `?path=${encode(x.path)}`, signal);
  const count = (name) => x.parts[name] ?? x.parts[name.replace(/s$/, "")];
  return h("ul", { class: "tiles" }, p.entries.filter((e) => e.type === "directory").map((e) => h("li", null,
    h("a", { href: "#/files/" + encode(x.path) + "/" + encode(e.name, e.name_base64) }, h("b", null, e.name), count(e.name) === undefined ? "open" : count(e.name).toLocaleString("en")))));
}
