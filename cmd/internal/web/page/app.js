import { session, own, onLost } from "./api.js";
import { inPanel } from "./gateway.js";
import { h, problem, say } from "./ui.js";
import { accounts } from "./accounts.js";
import { account } from "./account.js";
import { files } from "./files.js";
import { drawBasket } from "./basket.js";
import { find } from "./find.js";
import { compare, diff } from "./compare.js";
import { jobs } from "./jobs.js";
import { destinations } from "./state.js";
import { log } from "./log.js";

const views = { accounts, account, files, find, compare, diff, jobs, destinations, log };
const titles = { accounts: "Accounts", find: "Find", jobs: "Jobs", destinations: "Destinations", log: "Log" };
const everybody = ["accounts", "find"];
const main = document.getElementById("main");
let leave = new AbortController();

function nav(now) {
  document.getElementById("nav").replaceChildren(...Object.entries(titles).filter(([name]) => session.admin || everybody.includes(name))
    .map(([name, title]) => h("a", { href: "#/" + name, "aria-current": name === now ? "page" : null }, title)));
}

// route shows the view that the address names: #/VIEW/PATH?PARAMETERS.
async function route() {
  leave.abort();
  leave = new AbortController();
  const signal = leave.signal;
  const [, name = "accounts", path = "", q = ""] = /^#\/(\w+)\/?([^?]*)\??(.*)$/.exec(location.hash) || [];
  const view = Object.hasOwn(views, name) ? views[name] : accounts;
  nav(titles[name] ? name : "accounts");
  document.getElementById("head").hidden = false;
  main.setAttribute("aria-busy", "true");
  const at = location.hash;
  try {
    const content = await view({ path, params: new URLSearchParams(q), signal, again: route });
    if (signal.aborted) return;
    main.replaceChildren(...[content].flat(Infinity).filter((c) => c !== null && c !== undefined));
  } catch (e) {
    if (signal.aborted) return;
    main.replaceChildren(h("h1", null, titles[name] || "Not to be shown"), problem(e), h("p", null, h("button", { type: "button", onclick: route }, "Try again")));
  }
  main.removeAttribute("aria-busy");
  main.dataset.view = at;
  const title = main.querySelector("h1")?.textContent || "slotfs";
  document.title = title + " – slotfs";
  say(title);
  main.focus({ preventScroll: true });
}

function welcome(w) {
  Object.assign(session, w);
  document.getElementById("who").textContent = w.who;
  if (!inPanel && location.pathname !== "/") history.replaceState(null, "", "/");
  if (!location.hash) history.replaceState(null, "", "#/accounts");
  window.addEventListener("hashchange", route);
  drawBasket();
  route();
}

// form asks for name and password.
function form(error) {
  leave.abort();
  window.removeEventListener("hashchange", route);
  document.getElementById("head").hidden = true;
  document.getElementById("basket").hidden = true;
  const name = h("input", { id: "name", autocomplete: "username", required: true, autocapitalize: "none" });
  const password = h("input", { id: "password", type: "password", autocomplete: "current-password", required: true });
  main.replaceChildren(h("form", { class: "login", onsubmit: async (e) => {
    e.preventDefault();
    try { welcome(await own("POST", { name: name.value, password: password.value })); } catch (err) { form(err); }
  } }, h("h1", null, "Log in"), error ? problem(error) : null,
  h("label", { for: "name" }, "Name"), name, h("label", { for: "password" }, "Password"), password,
  h("button", { class: "main", type: "submit" }, "Log in"),
  h("p", { class: "dim" }, "Or open a link that “slotfs link” prints.")));
  document.title = "Log in – slotfs";
  name.focus();
}

document.getElementById("logout").hidden = inPanel;
document.getElementById("logout").addEventListener("click", async () => {
  try { await own("DELETE"); } catch { /* the session was over */ }
  form();
});
document.getElementById("skip").addEventListener("click", (e) => { e.preventDefault(); main.focus(); });
onLost(() => { if (session.csrf && !inPanel) { session.csrf = ""; form(Object.assign(new Error("The session is over."), { hint: "Log in again." })); } });

const token = !inPanel && location.pathname === "/login" ? location.hash.slice(1) : "";
if (token) history.replaceState(null, "", "/"); // it stays in no history
(token ? own("POST", { token }) : own("GET")).then(welcome, (e) => {
  if (inPanel) main.replaceChildren(problem(e));
  else form(token || e.status !== 401 ? e : undefined);
});
