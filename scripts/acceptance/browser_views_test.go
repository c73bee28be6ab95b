package acceptance

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// What people come for: a file that was lost, looked for in several ways and taken home.
func TestAdministratorFindsComparesAndTakesFilesInTheBrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newTab(t, newBrowser(t), s.base)
	b.do(navigate(s.login("--admin")))
	b.settled()
	for _, view := range []struct {
		name string
		try  func(*testing.T, *site, *tab)
	}{
		{"accounts are searched as one types", searchesAccounts}, {"an account has parts and dates", looksAtAccount}, {"text in each encoding", previewsText}, {"messages load nothing", previewsMessage},
		{"dumps have tables and rows", previewsDump}, {"pictures", previewsPicture}, {"names are not HTML", showsNames}, {"two dates are compared", compares},
		{"find keeps to the days", finds}, {"what is downloaded is what was backed up", downloads}, {"restore tells first", restores}, {"long lists by keyboard", scrolls},
		{"jobs run, pin and verify", worksOnJobs}, {"destinations are looked at and tested", worksOnDestinations}, {"a destination that is gone", showsLoss}, {"the log has it all", readsLog},
	} {
		t.Run(view.name, func(t *testing.T) {
			b.t, s.t = t, t
			view.try(t, s, b)
		})
	}
	b.t = t
}

func searchesAccounts(t *testing.T, _ *site, b *tab) {
	b.open("accounts")
	b.sees("shop12")
	if n := b.received(); n > 200_000 {
		t.Errorf("the first page is %d bytes", n)
	}
	b.fill("#match", "ALI")
	b.wait("only alice is left", `() => [...document.querySelectorAll("tbody tr")].map((r) => r.querySelector("a").textContent).join() === "alice"`)
	b.fill("#match", "nobody")
	b.sees("No account has that in its name.")
	b.fill("#match", "")
	b.click("th button", "Size")
	b.wait("they are sorted by size", `() => document.querySelector("[aria-sort=descending]")?.textContent.includes("Size") && document.querySelector("tbody a").textContent === "alice"`)
	b.sees("databases 2 -> 1")
}

func looksAtAccount(_ *testing.T, s *site, b *tab) {
	b.open("accounts")
	b.click("tbody a", "alice")
	b.sees("ends early at byte 400000")
	b.wait("the timeline has a mark for each backup", `() => document.querySelectorAll("svg.time .mark").length === 4`)
	b.click(".tiles a", "databases")
	b.sees("alice_wp.sql")
	b.click(".crumbs a", "alice")
	b.sees("Over time")
	b.settled()
	b.click(`input[aria-label="compare `+s.days[1]+`"]`, "")
	b.click(`input[aria-label="compare `+s.days[2]+`"]`, "")
	b.click("button", "Compare the two")
	b.sees("odd/added.txt")
}

// choose opens a directory of alice and selects a file in it.
func (b *tab) choose(s *site, days int, dir, name string) {
	b.t.Helper()
	b.open("files/" + s.alice(days, dir))
	b.click(".files button", name)
	b.wait("the preview is there", `() => document.querySelector("aside:not([hidden]) h2") && !document.querySelector("[aria-busy=true]")`)
}

func previewsText(_ *testing.T, s *site, b *tab) {
	for name, text := range map[string]string{"utf8.txt": "Grüße aus Köln, 東京", "latin1.txt": "Grüße aus Köln", "binary.dat": "This is no text", "empty": "The file is empty"} {
		b.choose(s, 1, "files/odd", name)
		b.sees(text)
	}
	b.choose(s, 2, "files/odd", "utf16.txt")
	b.sees("hello")
	b.choose(s, 1, "files/public_html", "index.php")
	b.click("aside a", "what changed")
	b.sees("// day 1")
	b.wait("lines are marked", `() => document.querySelector(".diff .del")?.textContent === "− // day 2" && document.querySelector(".diff .add")?.textContent === "+ // day 1"`)
	b.accessible("text difference")
	b.shot("diff")
}

func previewsMessage(_ *testing.T, s *site, b *tab) {
	b.choose(s, 1, "files/mail/example.com/info/cur", "1760000000.M1P1")
	for _, text := range []string{"Ann Köhler <ann@example.org>", "Rechnung für Januar", "invoice.pdf"} {
		b.sees(text)
	}
	b.click("summary", "As plain text")
	b.sees("Schöne Grüße, the plain text.")
	b.wait("the HTML has its text alone", `() => { const f = document.querySelector("iframe.message"); return f.getAttribute("sandbox") === "" && f.srcdoc.includes("<b>HTML</b> text [image]") && !/script|tracker/.test(f.srcdoc); }`)
	b.shot("mail")
	b.wait("no script of the message ran", `() => !document.title.includes("taken")`)
}

func previewsDump(t *testing.T, s *site, b *tab) {
	b.choose(s, 1, "databases", "alice_wp.sql")
	b.wait("rows are counted", `() => /^[0-9,]+$/.test(document.querySelector("aside tbody td.n")?.textContent) && Number(document.querySelector("aside tbody td.n").textContent.replace(",", "")) > 0`)
	got := eval[string](b, `() => [...document.querySelectorAll("aside tbody td")].slice(0, 2).map((c) => c.textContent).join(" ")`)
	want := "wp_posts " + strings.TrimSpace(run(t, `tar -xzOf "$1" alice/mysql/alice_wp.sql | grep -c '^INSERT'`, filepath.Join(s.store, "srv1", s.days[1], "accounts/alice.tar.gz")))
	if got != want {
		t.Errorf("the dump has %q, want %q", got, want)
	}
	b.shot("dump")
}

func previewsPicture(_ *testing.T, s *site, b *tab) {
	b.choose(s, 1, "files/odd", "picture.png")
	b.sees("320 × 200 pixels")
	b.wait("it is drawn", `() => { const c = document.querySelector("aside canvas"); return c.getContext("2d").getImageData(c.width - 1, c.height - 1, 1, 1).data[0] > 240; }`)
	b.shot("picture")
	b.choose(s, 1, "files/odd", "broken.png")
	b.sees("The picture cannot be shown")
}

func showsNames(t *testing.T, s *site, b *tab) {
	const html = "<img src=x onerror=document.title=1>.html"
	b.choose(s, 1, "files/odd", html)
	b.sees("<script>document.title")
	b.wait("nothing of it became a part of the page", `() => !document.querySelector("main img, main script") && document.title.startsWith("odd")`)
	b.wait("what cannot be seen is made visible", `() => document.body.innerText.includes("two\\u000alines") && document.body.innerText.includes("latin\\xe9.txt")`)
	b.open("find")
	b.fill("#pattern", "onerror")
	b.click("button", "Find")
	b.sees(html)
	b.wait("nothing of it became a part of the page", `() => !document.querySelector("main img")`)
	b.choose(s, 1, "files/odd", `latin\xe9.txt`)
	b.click("aside a", "Download")
	if got := eval[int](b, `() => fetch(document.querySelector("aside a").href).then((r) => r.status)`); got != 200 {
		t.Errorf("a name that is not UTF-8: status %d", got)
	}
}

func compares(_ *testing.T, s *site, b *tab) {
	b.open("compare?old=" + url.QueryEscape(s.alice(2, "files")) + "&new=" + url.QueryEscape(s.alice(1, "files")))
	b.sees("odd/added.txt")
	b.sees("odd/utf16.txt")
	b.click("button", "1 added")
	b.wait("only what was added is left", `() => document.querySelectorAll("tbody tr").length === 1`)
	b.click("button", "1 added")
	b.fill("#part", "index.php")
	b.click("tbody a", "public_html/index.php")
	b.sees("// day 1")
}

func finds(_ *testing.T, s *site, b *tab) {
	b.open("find?below=offsite")
	b.fill("#pattern", "added.txt")
	b.key(kb.Enter)
	b.sees("alice: files/odd/added.txt")
	b.wait("it is found where it was", `() => document.querySelectorAll("tbody tr").length === 1`)
	eval[bool](b, `(day) => { document.querySelector("#since").value = day; document.querySelector("#until").value = day; return true; }`, s.days[3])
	b.click("button", "Find")
	b.sees("Nothing has such a name there.")
	b.accessible("find")
	b.shot("find")
}

func downloads(t *testing.T, s *site, b *tab) {
	b.choose(s, 1, "files/odd", "large.bin")
	b.click("aside a", "Download")
	got := b.kept("large.bin")
	run(t, `tar -xzOf "$1" alice/homedir/odd/large.bin | cmp - "$2"`, filepath.Join(s.store, "srv1", s.days[1], "accounts/alice.tar.gz"), got)
	b.open("files/" + s.alice(1, "files"))
	b.click(`input[aria-label="select odd"]`, "")
	b.open("files/" + s.alice(2, "files/public_html"))
	b.click(`input[aria-label="select index.php"]`, "")
	for _, format := range []string{"zip", "tar.gz"} {
		b.click("#basket button", "Download ."+format)
		into := t.TempDir()
		run(t, `cd "$2"; bsdtar -xf "$1"; mkdir want; tar -xzf "$3" -C want alice/homedir/odd
odd=$(find . -path ./want -prune -o -type d -name odd -print); diff -r "$odd" want/alice/homedir/odd; grep -q "// day 2" "$(find . -name index.php)"`,
			b.kept("*."+format), into, filepath.Join(s.store, "srv1", s.days[1], "accounts/alice.tar.gz"))
	}
	b.click("#basket button", "Clear")
}

func restores(t *testing.T, s *site, b *tab) {
	into := filepath.Join(t.TempDir(), "restored")
	b.open("files/" + s.alice(1, "files/odd"))
	b.click(`input[aria-label="select utf8.txt"]`, "")
	b.open("files/" + s.alice(2, "files/odd"))
	b.click(`input[aria-label="select utf16.txt"]`, "")
	b.sees("2 entries selected")
	b.click("#basket button", "Restore …")
	b.fill("#directory", into)
	b.click("dialog button", "What would happen")
	b.sees("Nothing is in the way.")
	if _, err := os.Stat(into); err == nil {
		t.Error("looking wrote something")
	}
	b.accessible("restore")
	b.shot("restore")
	b.click("dialog button", "Restore")
	b.sees("Everything is there.")
	if got := read(t, filepath.Join(into, "utf8.txt")); got != "Grüße aus Köln, 東京\n" {
		t.Errorf("restored %q", got)
	}
	b.click("dialog button", "Close")
	b.click("#basket button", "Clear")
	b.open("files/" + s.alice(3, "files/odd")) // which nobody has read yet
	b.click(`input[aria-label="select large.bin"]`, "")
	b.click("#basket button", "Restore …")
	b.fill("#directory", filepath.Join(into, "slow"))
	s.link.Throttle(60_000)
	defer s.link.Throttle(0)
	b.click("dialog button", "Restore")
	b.sees("Under way")
	b.click("dialog button", "Cancel the restore")
	b.wait("it ended", `() => /cancel/i.test(document.querySelector("dialog [role=alert]")?.textContent)`)
	b.click("dialog button", "Close")
	b.click("#basket button", "Clear")
}

func scrolls(_ *testing.T, s *site, b *tab) {
	b.open("files/" + s.alice(1, "files/public_html/many"))
	eval[bool](b, `() => { document.querySelector('[data-row="0"]').focus(); return true; }`)
	b.key(kb.ArrowDown)
	b.wait("the next entry has the focus", `() => document.activeElement.dataset.row === "1"`)
	b.key(kb.End)
	b.wait("the last entry has the focus", `() => document.activeElement.textContent === "page-03000.html"`)
	b.wait("only what is seen is there", `() => document.querySelectorAll(".files tbody tr").length < 80`)
	b.key(kb.Enter)
	b.sees("The file is empty.")
}

func worksOnJobs(t *testing.T, s *site, b *tab) {
	b.open("jobs")
	b.wait("each account has its ring", `() => document.querySelectorAll("svg.ring").length === 2 && document.querySelectorAll("svg.ring .complete").length === 6`)
	b.sees("→ next")
	b.sees("⚑ pinned")
	b.click("button", "Unpin slot 2 of carol")
	b.wait("it is pinned no more", `() => !document.body.innerText.includes("⚑ pinned")`)
	b.click("button", "Run now")
	b.sees("The run that was asked for here ended")
	if n := strings.Count(s.must("--json", "history"), `"kind": "run"`); n != 5 {
		t.Errorf("%d runs, want 4 and the one of the page", n)
	}
	b.click("button", "Verify")
	b.sees("carol slot 1: as its manifest says")
	b.accessible("jobs")
	b.shot("jobs-verified")
}

func worksOnDestinations(_ *testing.T, _ *site, b *tab) {
	b.open("destinations")
	b.click("button", "Index now offsite")
	b.sees("● Done: ")
	b.click("button", "Test offsite")
	b.sees("Round trip")
	b.accessible("destinations")
	b.shot("destinations-tested")
}

func showsLoss(_ *testing.T, _ *site, b *tab) {
	b.open("destinations")
	b.click("button", "Index now old")
	b.wait("the pass says why it failed", `() => document.querySelector("[aria-label='Destination old'] [role=alert]")`)
	b.open("log")
	b.open("destinations")
	b.wait("it is greyed", `() => document.querySelector(".card.down h2")?.textContent === "old"`)
	b.shot("destinations-lost")
	b.do(navigate("about:blank"))
	b.open("accounts")
	b.wait("its account is greyed, and no other", `() => [...document.querySelectorAll("tr.down a")].map((a) => a.textContent).join() === "erin"`)
	b.shot("accounts-lost")
	b.click("tbody a", "erin")
	b.sees("was not reached at the last attempt")
	b.click(".tiles a", "files")
	b.click(".files a", "public_html")
	b.click(".files button", "index.php")
	b.wait("its content says what happened, in words", `() => document.querySelector("aside [role=alert]")?.textContent.length > 20`)
	b.shot("file-lost")
	b.open("accounts")
	b.click("tbody a", "bob")
	b.sees("Over time")
}

func readsLog(_ *testing.T, _ *site, b *tab) {
	b.open("log")
	for _, text := range []string{"nightly", "login", "Nothing that is watched is wrong|alice|old"} {
		b.wait("the log has "+text, `(t) => new RegExp(t).test(document.body.innerText)`, text)
	}
	b.accessible("log")
	b.shot("log-filled")
}
