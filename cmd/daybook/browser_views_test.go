package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var viewParts = []browserPart{
	{"every view at 1280 pixels", func(t *testing.T, c *chrome) { everyView(t, c, 1280, 900) }},
	{"every view at 390 pixels", func(t *testing.T, c *chrome) { everyView(t, c, 390, 844) }},
	{"an awkward week at 1280 pixels", func(t *testing.T, c *chrome) { awkwardWeek(t, c, 1280, 900) }},
	{"an awkward week at 390 pixels", func(t *testing.T, c *chrome) { awkwardWeek(t, c, 390, 844) }},
}

// A shownPage is a page to be looked at.
type shownPage struct{ name, path string }

// everyView looks at each page in both themes: nothing sticks out, nothing
// moves however slowly the page comes, nothing is inaccessible, and a picture
// is kept.
func everyView(t *testing.T, c *chrome, width, height int64) {
	var network slowNetwork
	b := c.newTab(t, newDemo(t, network.before), withRules(), emulation.SetDeviceMetricsOverride(width, height, 1, width < 700))
	network.open(b, "/")
	b.look("front", width)
	b.click(`a[href^="/auth/login"]`)
	b.at("/simulator/")
	network.open(b, ask[string](b, "location.pathname + location.search"))
	b.look("simulator", width)
	b.click(`button[data-username="` + lena + `"]`)
	b.at("/calendar/")
	day := thisMonday().AddDate(0, 0, 1).Format(time.DateOnly)
	for _, view := range []string{"day", "workweek", "week", "month", "agenda"} {
		network.open(b, "/calendar/"+view+"/"+day)
		b.look(view, width)
	}
	event := ask[string](b, `[...document.querySelectorAll('.u-url')].find(a => a.textContent.includes('Design review')).pathname`)
	b.expect("404")
	for _, p := range []shownPage{
		{"search", "/calendar/search?q=retrospective"}, {"event", event}, {"profile", "/profile"}, {"settings", "/settings"},
		{"sessions", "/sessions"}, {"error", "/nowhere"},
	} {
		network.open(b, p.path)
		b.look(p.name, width)
	}
}

// awkwardWeek looks at the three hundred events of a week in which everything
// is that is hard to draw.
func awkwardWeek(t *testing.T, c *chrome, width, height int64) {
	var network slowNetwork
	b := c.newTab(t, newDemo(t, network.before), withRules(), emulation.SetDeviceMetricsOverride(width, height, 1, width < 700))
	b.signIn(marcus)
	day := thisMonday().AddDate(0, 0, 2).Format(time.DateOnly)
	for _, view := range []string{"day", "week"} {
		network.open(b, "/calendar/"+view+"/"+day)
		b.look("awkward-"+view, width)
		if over := ask[[]string](b, timeOverName); width < 700 && len(over) > 0 {
			t.Errorf("times lie over names: %q", over)
		}
	}
	b.click(".more summary")
	b.until("document.querySelector('.fold').checkVisibility()")
	b.shoot(fmt.Sprintf("unfolded-%d-light", width))
	b.accessible("color-contrast")
	b.press(kb.Escape)
	if width >= 700 { // below, nothing lies over the page that would have to go
		b.until("!document.querySelector('.fold').checkVisibility()")
	}
}

// thisMonday is the Monday that the demo's world is built around.
func thisMonday() time.Time {
	now := time.Now()
	return now.AddDate(0, 0, -(int(now.Weekday())+6)%7)
}

// look checks what the tab shows, in both themes.
func (b *tab) look(name string, width int64) {
	b.Helper()
	b.Run(name, func(t *testing.T) {
		b := &tab{T: t, demo: b.demo, ctx: b.ctx, shots: b.shots}
		// Below a thousandth are fractions of a pixel that fonts round; pages
		// that move are told by tenths (web.dev, "Cumulative Layout Shift").
		for _, moved := range ask[[]string](b, layoutShifts, awaited) {
			t.Error("has moved while the page was loading:", moved)
		}
		if wide := ask[[]string](b, tooWide); len(wide) > 0 {
			t.Error("wider than the window:", strings.Join(wide, "\n"))
		}
		// The page is light until it is told to be dark, and dark it differs
		// in nothing but colours.
		b.shoot(fmt.Sprintf("%s-%d-light", name, width))
		b.accessible()
		b.do(emulation.SetEmulatedMedia().WithFeatures(media("dark")))
		b.shoot(fmt.Sprintf("%s-%d-dark", name, width))
		b.accessible("color-contrast", "link-in-text-block")
		b.do(emulation.SetEmulatedMedia().WithFeatures(media("light")))
	})
}

// layoutShifts lists what was already shown and has moved since the page began
// to load, by the browser's own count.
const layoutShifts = `new Promise(done => {
	const moved = [];
	const note = e => e.value < 0.001 || moved.push(e.value + ' ' + e.sources.map(s =>
		(s.node?.outerHTML ?? s.node?.textContent ?? '').slice(0, 80) + ' ' + JSON.stringify(s.previousRect) + ' ' + JSON.stringify(s.currentRect)).join('\n'));
	const observer = new PerformanceObserver(list => list.getEntries().forEach(note));
	observer.observe({type: 'layout-shift', buffered: true});
	requestAnimationFrame(() => requestAnimationFrame(() => {
		observer.takeRecords().forEach(note);
		done(moved);
	}));
})`

// A slowNetwork brings a page in pieces, a column of a grid, a link to a view or
// a button in each, and each when the one before it has been painted.
type slowNetwork struct {
	site           http.Handler
	slow           atomic.Bool // the next page comes so
	painted, whole chan struct{}
}

// pieceEnds are the ends of columns, of the links to the views, and of buttons.
var pieceEnds = regexp.MustCompile(`</ol></div>\n|data-key="[dxw]".*?</a>|</button>`)

func (n *slowNetwork) before(site http.Handler) http.Handler {
	n.site, n.painted, n.whole = site, make(chan struct{}), make(chan struct{})
	return n
}

func (n *slowNetwork) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !n.slow.CompareAndSwap(true, false) {
		n.site.ServeHTTP(w, r)
		return
	}
	r.Header.Del("Accept-Encoding")
	page := httptest.NewRecorder()
	n.site.ServeHTTP(page, r)
	maps.Copy(w.Header(), page.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(page.Code)
	text, sent := page.Body.String(), 0
	for _, piece := range append(pieceEnds.FindAllStringIndex(text, -1), []int{0, len(text)}) {
		io.WriteString(w, text[sent:piece[1]])
		sent = piece[1]
		http.NewResponseController(w).Flush()
		select {
		case <-n.painted:
		case <-r.Context().Done():
			return
		}
	}
	close(n.whole)
}

// open goes to a path of the site slowly and waits until it is loaded.
func (n *slowNetwork) open(b *tab, path string) {
	b.Helper()
	n.whole = make(chan struct{})
	n.slow.Store(true)
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		_, _, _, _, err := page.Navigate(b.url + path).Do(ctx)
		return err
	}))
	for {
		ask[bool](b, "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true))))", awaited)
		select {
		case n.painted <- struct{}{}:
		case <-n.whole:
			b.at("/")
			return
		}
	}
}

// timeOverName lists the events of a list whose time does not fit into its column.
const timeOverName = `[...document.querySelectorAll('.ev:not(.days) .line')].filter(e => e.checkVisibility()).filter(e =>
	e.querySelector('.when').scrollWidth > e.querySelector('.when').clientWidth + 1).map(e => e.textContent)`

// tooWide lists what makes the page scroll sideways.
const tooWide = `document.documentElement.scrollWidth <= innerWidth ? [] :
	[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)
		.map(e => e.outerHTML.slice(0, 120)).slice(0, 5).concat('width ' + document.documentElement.scrollWidth)`
