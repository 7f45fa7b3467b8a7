package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"daybook/internal/config"
	"daybook/internal/server"
	"daybook/internal/simulator"
	"daybook/web"
)

// TestInBrowser uses Daybook's demo as people do, in one Chromium with a
// profile of its own for each of its parts. Every part fails on whatever the
// browser complains about: a message on the console, an exception, a violation
// of the content security policy, a request to another host.
func TestInBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	if testing.Short() {
		t.Skip("takes a browser's time")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-GB"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	browser, _ := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	// Closed in order, and not killed, it leaves nothing behind.
	t.Cleanup(func() { _ = chromedp.Cancel(browser) })
	if err := chromedp.Run(browser); err != nil {
		t.Fatal(err)
	}
	shots := os.Getenv("ARTIFACTS")
	if shots == "" {
		shots = t.ArtifactDir()
	}
	if err := os.MkdirAll(shots, 0o755); err != nil {
		t.Fatal(err)
	}
	// The parts that load the most pages come first: the others fill the gaps.
	for _, part := range slices.Concat(viewParts, journeyParts, keyboardParts, comfortParts, pageParts) {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.run(t, &chrome{browser: browser, shots: shots})
		})
	}
}

// A browserPart is one subtest of TestInBrowser.
type browserPart struct {
	name string
	run  func(*testing.T, *chrome)
}

// A chrome is the browser that all parts share.
type chrome struct {
	browser context.Context
	shots   string // the folder for screenshots
}

// A demo is a running site with its pretend Microsoft.
type demo struct {
	url string
	sim *simulator.Simulator
}

// newDemo serves the demo on a port of its own, as `daybook serve` wires it,
// behind whatever is wrapped around it.
func newDemo(t *testing.T, wrap ...func(http.Handler) http.Handler) demo {
	t.Helper()
	return newDemoAt(t, time.Now, wrap...)
}

// newDemoAt is newDemo with a clock that its pages go by.
func newDemoAt(t *testing.T, now func() time.Time, wrap ...func(http.Handler) http.Handler) demo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + listener.Addr().String()
	c, err := config.Load([]string{"DEMO=1", "BASE_URL=" + base, "SESSION_STORE=memory"}, "")
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	p, err := wire(t.Context(), c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	site, err := server.New(server.Config{Parts: p.Parts, BaseURL: c.Web.BaseURL, Web: web.Files, Log: quiet, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := site.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for _, around := range wrap {
		handler = around(handler)
	}
	served := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	served.Start()
	t.Cleanup(served.Close)
	return demo{base, p.Simulator.(*simulator.Simulator)}
}

// A tab is one page of the browser, in a profile that nobody else uses.
type tab struct {
	*testing.T
	demo
	ctx   context.Context
	shots string

	mu       sync.Mutex
	wrong    []string // what the browser complained about
	expected []string // parts of complaints that belong to the test
}

// newTab opens a tab that fails the test at its end if the browser complained.
func (c *chrome) newTab(t *testing.T, d demo, setUp ...chromedp.Action) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(c.browser, chromedp.WithTargetID(c.window(t)))
	ctx, cancelTime := context.WithTimeout(ctx, 5*time.Minute)
	b := &tab{T: t, demo: d, ctx: ctx, shots: c.shots}
	t.Cleanup(func() {
		if t.Failed() {
			b.keep("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
		}
		cancelTime()
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, complaint := range b.wrong {
			if !slices.ContainsFunc(b.expected, func(part string) bool { return strings.Contains(complaint, part) }) {
				t.Error("the browser complains:", complaint)
			}
		}
	})
	chromedp.ListenTarget(ctx, b.listen)
	b.do(slices.Concat([]chromedp.Action{
		audits.Enable(),
		emulation.SetEmulatedMedia().WithFeatures(media("light")),
		emulation.SetDeviceMetricsOverride(1280, 900, 1, false),
	}, setUp)...)
	return b
}

// window opens a window in a profile of its own.
func (c *chrome) window(t *testing.T) target.ID {
	t.Helper()
	browser := cdp.WithExecutor(c.browser, chromedp.FromContext(c.browser).Browser)
	profile, err := target.CreateBrowserContext().Do(browser)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.DisposeBrowserContext(profile).Do(browser) })
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(browser)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// media makes the theme and takes the motion away, which would only blur what
// is looked at.
func media(theme string) []*emulation.MediaFeature {
	return []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
}

// withoutScripts turns JavaScript off. What tests evaluate still runs.
func withoutScripts() chromedp.Action { return emulation.SetScriptExecutionDisabled(true) }

// listen collects complaints.
func (b *tab) listen(event any) {
	switch e := event.(type) {
	case *cdpruntime.EventConsoleAPICalled:
		var words []string
		for _, a := range e.Args {
			words = append(words, string(a.Value)+a.Description)
		}
		b.complain("console.%s: %s", e.Type, strings.Join(words, " "))
	case *cdpruntime.EventExceptionThrown:
		b.complain("exception: %v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		b.complain("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *audits.EventIssueAdded:
		detail, _ := json.Marshal(e.Issue.Details)
		b.complain("issue %s: %s", e.Issue.Code, detail)
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && u.Scheme+"://"+u.Host != b.url {
			b.complain("a request to another host: %s", e.Request.URL)
		}
	}
}

func (b *tab) complain(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

// expect names complaints that the test provokes, by a part of their text.
func (b *tab) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

func (b *tab) do(actions ...chromedp.Action) {
	b.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// open goes to a path of the site and waits until it is loaded.
func (b *tab) open(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// ask evaluates an expression into a T.
func ask[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.Helper()
	var answer T
	if err := chromedp.Run(b.ctx, chromedp.Evaluate(expression, &answer, options...)); err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return answer
}

// awaited makes ask wait for the promise that the expression is. Promises of
// pages without JavaScript are never kept.
func awaited(p *cdpruntime.EvaluateParams) *cdpruntime.EvaluateParams {
	return p.WithAwaitPromise(true)
}

// until waits for a condition of the page. It asks from outside, so that it
// works across navigations and with JavaScript off.
func (b *tab) until(condition string) {
	b.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		var met bool
		err := chromedp.Run(b.ctx, chromedp.Evaluate("Boolean("+condition+")", &met))
		if met && err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("never true: %s (%v) at %s:\n%s", condition, err, ask[string](b, "location.href"), ask[string](b, "document.body.innerText.slice(0, 1500)"))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// at waits until a page of that path is loaded.
func (b *tab) at(path string) {
	b.Helper()
	b.until(fmt.Sprintf("document.readyState === 'complete' && location.pathname.startsWith(%q)", path))
}

// back goes back in the history.
func (b *tab) back() {
	b.Helper()
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		at, entries, err := page.GetNavigationHistory().Do(ctx)
		if err != nil || at == 0 {
			return cmp.Or(err, errors.New("there is nothing to go back to"))
		}
		return page.NavigateToHistoryEntry(entries[at-1].ID).Do(ctx)
	}))
}

// click clicks with the mouse on the element that selector finds. chromedp's
// own queries lose sight of pages that come back from the history.
func (b *tab) click(selector string) {
	b.Helper()
	b.clickOn(fmt.Sprintf("document.querySelector(%q)", selector))
}

// clickOn clicks on the element that an expression gives.
func (b *tab) clickOn(element string) {
	b.Helper()
	b.until(element + "?.checkVisibility()")
	at := ask[[]float64](b, `(e => {
		let x, y;
		for (const block of ['nearest', 'center']) { // at an edge something may float over it
			e.scrollIntoView({block, behavior: 'instant'});
			const r = e.getClientRects()[0];
			[x, y] = [r.x + r.width / 2, r.y + r.height / 2];
			if (e.contains(document.elementFromPoint(x, y))) break;
		}
		return [x, y];
	})(`+element+`)`)
	b.do(chromedp.MouseClickXY(at[0], at[1]))
}

// press presses keys on whatever has the focus. As with a keyboard, and unlike
// with chromedp.KeyEvent, a key that the page takes for itself types nothing.
func (b *tab) press(keys ...string) {
	b.Helper()
	for _, key := range strings.Join(keys, "") {
		events := kb.Encode(key)
		down, up := events[0], events[len(events)-1]
		if len(events) == 3 {
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		b.do(down, up)
	}
}

// signIn goes from the front page to the calendar.
func (b *tab) signIn(username string) {
	b.Helper()
	b.open("/")
	b.click(`a[href^="/auth/login"]`)
	b.at("/simulator/")
	b.click(`button[data-username="` + username + `"]`)
	b.at("/calendar/")
}

// Some of the demo's people.
const (
	lena   = "lena.hoffmann@contoso.example"
	marcus = "marcus.reed@contoso.example"
)

// shoot keeps a picture of the whole page, from its top: what is sticky would
// be seen in the middle of it.
func (b *tab) shoot(name string) {
	b.Helper()
	b.do(chromedp.Evaluate(`new Promise(done => { scrollTo(0, 0); requestAnimationFrame(() => requestAnimationFrame(() => done(true))); })`, nil, awaited))
	b.keep(name)
}

// keep keeps a picture of the page as it is, also where no script runs.
func (b *tab) keep(name string) {
	var picture []byte
	err := chromedp.Run(b.ctx, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		picture, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).WithFromSurface(true).Do(ctx)
		return err
	}))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.shots, name+".png"), picture, 0o644)
	}
	if err != nil {
		b.Error("no screenshot:", err)
	}
}

// onNewDocument evaluates a script in every page before its own.
func onNewDocument(script string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	}
}
