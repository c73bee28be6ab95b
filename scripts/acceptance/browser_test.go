package acceptance

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// screenshots is where what tests saw is kept. Git ignores it.
const screenshots = "screenshots"

//go:embed testdata/axe/axe.min.js
var axe string

// tab is a tab of a browser in which somebody looks at the page, with cookies of its own.
type tab struct {
	t         *testing.T
	ctx       context.Context
	base      string // scheme, host and port of the page
	downloads string

	mu sync.Mutex
	// mu guards what follows.
	faults []string // that the browser told of
	bytes  int64    // received
}

// newBrowser starts Chromium, for all tabs of a test.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(patience))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return ctx
}

// newTab opens a tab that shares nothing with others.
func newTab(t *testing.T, with context.Context, base string) *tab {
	t.Helper()
	b := &tab{t: t, base: base, downloads: t.TempDir()}
	ctx, cancel := chromedp.NewContext(with, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	t.Cleanup(cancel)
	b.ctx = ctx
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first use
		t.Fatal(err)
	}
	browserContext := chromedp.FromContext(ctx).BrowserContextID
	_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow,
		DownloadPath: b.downloads, BrowserContextID: browserContext})
	if err != nil {
		t.Fatal(err)
	}
	b.size(1440, 900, "light")
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, fault := range b.faults {
			t.Errorf("the browser says: %s", fault)
		}
	})
	return b
}

// listen notes what no page may do: throw, break its own policy, ask another host.
func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError && e.Entry.Source != cdplog.EntrySourceNetwork {
			b.faults = append(b.faults, e.Entry.Text)
		}
	case *network.EventLoadingFinished:
		b.bytes += int64(e.EncodedDataLength)
	case *network.EventRequestWillBeSent:
		url := e.Request.URL
		if !strings.HasPrefix(url, b.base+"/") && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:") && !strings.HasPrefix(url, "about:") {
			b.faults = append(b.faults, "asks for "+url)
		}
	}
}

// received tells how many bytes came since it was asked last.
func (b *tab) received() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.bytes
	b.bytes = 0
	return n
}

// ask runs an action for its value.
func ask[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	out, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ask(b, chromedp.Steps(steps...))
}

// command sends a command of the protocol.
func command[P, R any](b *tab, c cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, c, params); err != nil {
		b.t.Fatal(err)
	}
}

// size is how large the window is, and whether it is light or dark.
func (b *tab) size(width, height int64, scheme string) {
	b.t.Helper()
	command(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
}

// eval runs a function in the page. Promises are waited for.
func eval[T any](b *tab, script string, args ...any) T {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[T](call(script, args), chromedp.EvalAwaitPromise))
}

// call is the call of a function with arguments.
func call(script string, args []any) string {
	var all []string
	for _, a := range args {
		text, err := json.Marshal(a)
		if err != nil {
			panic(err) // of what a test says
		}
		all = append(all, string(text))
	}
	return fmt.Sprintf("(%s)(%s)", script, strings.Join(all, ","))
}

// uiPatience is how long the page may take for what it does by itself.
const uiPatience = time.Minute

// wait waits until a function says true.
func (b *tab) wait(what, script string, args ...any) {
	b.t.Helper()
	for deadline := time.Now().Add(uiPatience); !eval[bool](b, "async (...args) => Boolean(await ("+script+")(...args))", args...); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.shot("failed")
			b.t.Fatalf("still not: %s\n%s", what, eval[string](b, `() => location.href + "\n" + document.body.innerText`))
		}
	}
}

// sees waits for a text, the case aside: what style sheets do to it is nobody's concern.
func (b *tab) sees(text string) {
	b.t.Helper()
	b.wait("the page shows "+text, `(t) => document.body.innerText.toLowerCase().includes(t.toLowerCase())`, text)
}

// open shows a view, once all its sections have come.
func (b *tab) open(view string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + "/#/" + view))
	b.settled()
}

// settled waits until the page waits for nothing.
func (b *tab) settled() {
	b.t.Helper()
	b.wait("the page has settled", `() => document.readyState === "complete" && !!document.querySelector("h1, form.login") && (document.querySelector("form.login") || document.querySelector("main").dataset.view === location.hash) && !document.querySelector("[aria-busy=true]")`)
}

// locate is the middle of what has a text or a name, scrolled into view; what covers it is an error.
const locate = `(selector, text) => {
	const named = (e) => (e.getAttribute("aria-label") || e.textContent || e.value || "").replace(/\s+/g, " ").trim();
	const all = [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility() && !e.disabled);
	const e = all.find((e) => !text || named(e) === text) || all.find((e) => named(e).includes(text));
	if (!e) return { missing: true };
	e.scrollIntoView({ block: "center", inline: "nearest" });
	const r = e.getClientRects()[0], x = r.left + r.width / 2, y = r.top + r.height / 2;
	const top = document.elementFromPoint(x, y);
	return { x, y, covered: top && (e.contains(top) || top.contains(e) || top.closest("label")?.control === e) ? "" : (top?.outerHTML || "outside of the window").slice(0, 200) };
}`

// located is where locate found something.
type located struct {
	X, Y    float64
	Covered string
}

// click clicks where a person would.
func (b *tab) click(selector, text string) {
	b.t.Helper()
	b.wait(fmt.Sprintf("there is %s %q", selector, text), `(selector, text) => !(`+locate+`)(selector, text).missing`, selector, text)
	at := eval[located](b, locate, selector, text)
	for range 100 { // sections that come later move what is below them
		time.Sleep(50 * time.Millisecond)
		again := eval[located](b, locate, selector, text)
		if again == at {
			break
		}
		at = again
	}
	if at.Covered != "" {
		b.shot("failed")
		b.t.Fatalf("%s %q is covered by %s", selector, text, at.Covered)
	}
	b.do(chromedp.MouseClickXY(at.X, at.Y))
}

// fill types into a field in place of what is in it.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.click(selector, "")
	eval[chromedp.Void](b, `(s) => document.querySelector(s).select()`, selector)
	command(b, input.InsertText, input.InsertTextParams{Text: text})
}

// key presses keys.
func (b *tab) key(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// shot keeps what the window shows.
func (b *tab) shot(name string) {
	b.t.Helper()
	png := ask(b, chromedp.CaptureScreenshot())
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// accessible has axe-core look for violations of WCAG 2.2 AA, and looks itself for what is cut off at the side.
func (b *tab) accessible(name string) {
	b.t.Helper()
	found := eval[[]string](b, `async (source, name) => {
		if (!window.axe) (0, eval)(source);
		const { violations } = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] });
		const told = violations.map((v) => v.id + ": " + v.help + "\n" + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + "\n" + n.failureSummary).join("\n"));
		const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
		if (wide > 0) told.push("the page is " + wide + " pixels wider than the window");
		return told;
	}`, axe, name)
	for _, one := range found {
		b.t.Errorf("%s: %s", name, one)
	}
}

// kept waits for a download whose name has a pattern, and returns its path.
func (b *tab) kept(pattern string) string {
	b.t.Helper()
	var found []string
	eventually(b.t, pattern+" is downloaded", func() (ok bool) {
		unfinished, err := filepath.Glob(filepath.Join(b.downloads, "*.crdownload"))
		if err == nil {
			found, err = filepath.Glob(filepath.Join(b.downloads, pattern))
		}
		return err == nil && len(found) == 1 && len(unfinished) == 0
	})
	return found[0]
}

// navigate opens an address as a person would who enters it.
func navigate(url string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(url) }
