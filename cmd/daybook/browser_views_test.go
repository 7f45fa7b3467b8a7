package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
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
// moves, nothing is inaccessible, and a picture is kept.
func everyView(t *testing.T, c *chrome, width, height int64) {
	b := c.newTab(t, newDemo(t), withRules(), emulation.SetDeviceMetricsOverride(width, height, 1, width < 700))
	b.open("/")
	b.look("front", width)
	b.click(`a[href^="/auth/login"]`)
	b.at("/simulator/")
	b.look("simulator", width)
	b.click(`button[data-username="` + lena + `"]`)
	b.at("/calendar/")
	day := thisMonday().AddDate(0, 0, 1).Format(time.DateOnly)
	for _, view := range []string{"day", "workweek", "week", "month", "agenda"} {
		b.open("/calendar/" + view + "/" + day)
		b.look(view, width)
	}
	event := ask[string](b, `[...document.querySelectorAll('.u-url')].find(a => a.textContent.includes('Design review')).pathname`)
	b.expect("404")
	for _, p := range []shownPage{
		{"search", "/calendar/search?q=retrospective"}, {"event", event}, {"profile", "/profile"}, {"settings", "/settings"},
		{"sessions", "/sessions"}, {"error", "/nowhere"},
	} {
		b.open(p.path)
		b.look(p.name, width)
	}
}

// awkwardWeek looks at the three hundred events of a week in which everything
// is that is hard to draw.
func awkwardWeek(t *testing.T, c *chrome, width, height int64) {
	b := c.newTab(t, newDemo(t), withRules(), emulation.SetDeviceMetricsOverride(width, height, 1, width < 700))
	b.signIn(marcus)
	day := thisMonday().AddDate(0, 0, 2).Format(time.DateOnly)
	for _, view := range []string{"day", "week"} {
		b.open("/calendar/" + view + "/" + day)
		b.look("awkward-"+view, width)
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
		if moved := ask[float64](b, layoutShift, awaited); moved >= 0.001 {
			t.Errorf("the layout has moved by %v while the page was loading", moved)
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

// layoutShift is how far what was already shown has moved since the page
// began to load, by the browser's own count.
const layoutShift = `new Promise(done => {
	let sum = 0;
	const observer = new PerformanceObserver(list => list.getEntries().forEach(e => sum += e.value));
	observer.observe({type: 'layout-shift', buffered: true});
	requestAnimationFrame(() => requestAnimationFrame(() => {
		observer.takeRecords().forEach(e => sum += e.value);
		done(sum);
	}));
})`

// tooWide lists what makes the page scroll sideways.
const tooWide = `document.documentElement.scrollWidth <= innerWidth ? [] :
	[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)
		.map(e => e.outerHTML.slice(0, 120)).slice(0, 5).concat('width ' + document.documentElement.scrollWidth)`
