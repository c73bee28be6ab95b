package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// A link lets in its account, once if it says so; what another one has cannot be reached by any address of the page.
func TestLinksLetInWhomTheyAreForInTheBrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browser := newBrowser(t)
	b := newTab(t, browser, s.base)
	once := s.login("--account", "alice", "--once")
	b.do(navigate(once))
	b.sees("account alice")
	b.wait("the token is in no address", `() => !location.href.includes("login")`)
	b.wait("there is what owners may see", `() => [...document.querySelectorAll("nav#nav a")].map((a) => a.textContent).join() === "Accounts,Find" && document.querySelectorAll("tbody tr").length === 1`)
	b.accessible("accounts of an owner")
	for _, view := range []string{"account/offsite/bob?origin=srv1", "files/offsite/srv1/accounts/bob", "files/offsite/srv1/accounts/bob/" + s.days[1] + "/files", "jobs", "destinations", "compare?old=offsite%2Fsrv1%2Faccounts%2Fbob&new=offsite%2Fsrv1%2Faccounts%2Fbob"} {
		b.open(view)
		b.wait(view+" is refused in words", `() => document.querySelector("[role=alert]")?.textContent.length > 10`)
		b.wait("nothing of bob is shown", `() => !/bob_wp|example\.net/.test(document.body.innerText)`)
	}
	b.choose(s, 1, "files/odd", "utf8.txt")
	b.sees("Grüße aus Köln")
	second := newTab(t, browser, s.base)
	second.do(navigate(once))
	second.sees("Log in")
	second.wait("the link is said to be used", `() => document.querySelector("[role=alert]")?.textContent.length > 10`)
	second.accessible("log in")
	second.shot("login")
	other := newTab(t, browser, s.base)
	other.do(navigate(s.login("--account", "bob")))
	other.sees("account bob")
	other.open("files/" + s.alice(1, "files"))
	other.wait("alice's is refused", `() => document.querySelector("[role=alert]") && !document.body.innerText.includes("public_html")`)
}

// A session that ended shows the log-in and says so; nothing that was shown stays.
func TestSessionThatEndsAsksToLogInInTheBrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newTab(t, newBrowser(t), s.base)
	b.do(navigate(s.login("--account", "alice")))
	b.sees("account alice")
	id := strings.Fields(strings.Split(s.must("link", "list"), "\n")[1])[0]
	s.must("link", "revoke", id)
	eval[bool](b, `() => { location.hash = "#/account/offsite/alice?origin=srv1"; return true; }`)
	b.sees("The session is over.")
	b.wait("nothing of the account is left", `() => !document.body.innerText.includes("offsite") && document.querySelector("form.login")`)
	b.accessible("session over")
	run(t, `"$1" --config "$2/slotfs.toml" --state-dir "$2/state" admin add --password-stdin ann <<<"correct horse battery"`, binary, s.work)
	b.fill("#name", "ann")
	b.key(kb.Tab)
	b.key("wrong password", kb.Enter)
	b.wait("it says that it was wrong", `() => document.querySelector("[role=alert]") && !document.body.innerText.includes("The session is over")`)
	b.key("ann", kb.Tab, "correct horse battery", kb.Enter)
	b.sees("administrator ann")
	b.click("button", "Log out")
	b.wait("the log-in is shown", `() => document.querySelector("form.login")`)
}

// The server that stops in the middle of a download leaves no file that looks whole, and a page that says so.
func TestServerThatStopsIsToldInTheBrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newTab(t, newBrowser(t), s.base)
	b.do(navigate(s.login("--admin")))
	b.settled()
	b.choose(s, 1, "files/odd", "empty")
	s.link.Throttle(200_000)
	b.click(".files button", "large.bin")
	b.click("aside a", "Download")
	eventually(t, "the download begins", func() bool {
		all, err := filepath.Glob(filepath.Join(b.downloads, "*"))
		return err == nil && len(all) > 0
	})
	if err := s.service.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.service.wait(t)
	b.click("nav#nav a", "Accounts")
	b.sees("slotfs does not answer")
	b.accessible("no answer")
	b.shot("stopped")
	if info, err := os.Stat(filepath.Join(b.downloads, "large.bin")); err == nil && info.Size() < 6_000_000 {
		t.Errorf("a part of the file, %d bytes, looks whole", info.Size())
	}
	s.link.Throttle(0)
	s.serve()
	b.do(navigate("about:blank"))
	b.do(navigate(s.login("--admin")))
	b.sees("shop12")
}

// By keyboard alone: from the log-in to what is in a file.
func TestPageIsUsableByKeyboardAloneInTheBrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newTab(t, newBrowser(t), s.base)
	b.do(navigate(s.login("--admin")))
	b.settled()
	tabTo := func(text string) {
		t.Helper()
		for range 80 {
			if eval[bool](b, `(t) => { const e = document.activeElement; return ((e.getAttribute("aria-label") || e.id || "") + " " + e.textContent).replace(/\s+/g, " ").trim().startsWith(t) && e.matches("a, button, input, select, summary"); }`, text) {
				b.wait("it is seen where the focus is", `() => { const e = document.activeElement, r = e.getBoundingClientRect(); return getComputedStyle(e).outlineStyle !== "none" && r.bottom > 0 && r.top < innerHeight; }`)
				return
			}
			b.key(kb.Tab)
		}
		b.shot("failed")
		t.Fatalf("no way by Tab to %q", text)
	}
	tabTo("match")
	b.key("alice")
	b.wait("only alice is left", `() => document.querySelectorAll("tbody tr").length === 1`)
	tabTo("alice")
	b.key(kb.Enter)
	b.sees("Over time")
	b.settled()
	tabTo("databases")
	b.key(kb.Enter)
	b.sees("alice_shop.sql")
	b.settled()
	tabTo("alice_shop.create")
	b.key(kb.ArrowDown, kb.ArrowDown, kb.Enter)
	b.sees("CREATE DATABASE")
}
