package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"daybook/internal/simulator"
)

var pageParts = []browserPart{
	{"a week of 60 events is light", weight},
	{"everything can be read without JavaScript", withoutJavaScript},
	{"each view prints on a page", printing},
	{"the theme that was chosen", chosenTheme},
}

// maxWeight is what HTML, CSS and JavaScript of a week may weigh together,
// compressed.
const maxWeight = 20 << 10

func weight(t *testing.T, c *chrome) {
	const priya = "priya.nair@contoso.example"
	d := newDemo(t)
	subjects := []string{"Weekly planning", "Customer call: Fabrikam onboarding", "1:1 Mira / Lena", "Design review", "Support hand-over",
		"Interview: senior engineer", "Budget check with Sofia", "Release 2 candidate freeze", "Quarterly roadmap: draft with sales"}
	for i := range 60 {
		at := thisMonday().AddDate(0, 0, i%5)
		start := time.Date(at.Year(), at.Month(), at.Day(), 8+i/5%10, i%4*15, 0, 0, time.UTC)
		e := simulator.Event{Subject: fmt.Sprintf("%s %d", subjects[i%len(subjects)], i), Start: start, End: start.Add(time.Duration(30+i%3*15) * time.Minute),
			Places: []simulator.Place{{Name: []string{"Spree", "Havel", "Panke", "Müggelsee"}[i%4]}}}
		if _, err := d.sim.Put(d.sim.Person(priya), e); err != nil {
			t.Fatal(err)
		}
	}
	b := c.newTab(t, d)
	b.signIn(priya)
	b.open(weekPath())
	b.shoot("sixty-events")
	if events := ask[int](b, "document.querySelectorAll('.h-event').length"); events != 60 {
		t.Fatalf("%d events in the week, want 60", events)
	}

	type resource struct {
		Name, Kind, Blocking, By string
		Bytes                    int
	}
	resources := ask[[]resource](b, `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(e => (
		{Name: new URL(e.name).pathname, Kind: e.entryType, Blocking: e.renderBlockingStatus ?? '', By: e.initiatorType, Bytes: e.encodedBodySize}))`)
	total := 0
	for _, r := range resources {
		t.Logf("%6d %s", r.Bytes, r.Name)
		if !strings.HasSuffix(r.Name, ".svg") {
			total += r.Bytes
		}
		if r.Kind == "navigation" {
			continue
		}
		// One round trip after the HTML: what the first paint waits for is
		// named in the HTML and names nothing more.
		if r.Blocking == "blocking" && !ask[bool](b, fmt.Sprintf(`Boolean(document.head.querySelector('link[rel=stylesheet][href=%q]'))`, r.Name)) {
			t.Errorf("the first paint waits for %s, which the head does not name", r.Name)
		}
		if r.By == "css" {
			t.Errorf("a stylesheet needs %s", r.Name)
		}
	}
	t.Logf("%6d together", total)
	if total > maxWeight {
		t.Errorf("%d bytes, want at most %d", total, maxWeight)
	}
	if late := ask[[]string](b, "[...document.scripts].filter(s => !s.defer).map(s => s.outerHTML)"); len(late) > 0 {
		t.Errorf("scripts that the page waits for: %q", late)
	}
}

// withoutJavaScript reads the fullest week, and what is folded away in it.
func withoutJavaScript(t *testing.T, c *chrome) {
	d := newDemo(t)
	monday := thisMonday()
	for _, width := range []int64{1280, 390} {
		b := c.newTab(t, d, withoutScripts(), emulation.SetDeviceMetricsOverride(width, 900, 1, width < 700))
		b.signIn(marcus)
		b.open(weekPath())
		const hidden = "[...document.querySelectorAll('.h-event .u-url')].filter(a => !a.checkVisibility())"
		if names := ask[[]string](b, hidden+".filter(a => !a.closest('details')).map(a => a.textContent)"); len(names) > 0 {
			t.Errorf("at %d pixels these cannot be seen: %q", width, names)
		}
		// Each fold opens by a click on its "+n" and shows what it holds.
		folds := ask[int](b, "document.querySelectorAll('.more').length")
		if folds == 0 {
			t.Fatal("nothing is folded in the fullest week")
		}
		for i := range min(folds, 3) {
			more := fmt.Sprintf("document.querySelectorAll('.more')[%d]", i)
			b.clickOn(more + ".querySelector('summary')")
			b.until(more + ".querySelector('details').open")
			// On top of everything, or a click would open what lies above.
			if covered := ask[[]string](b, `[...`+more+`.querySelectorAll('a')].filter(a => {
				a.scrollIntoView({block: 'center', behavior: 'instant'});
				const r = a.getClientRects()[0];
				return !a.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2));
			}).map(a => a.textContent)`); len(covered) > 0 {
				t.Errorf("at %d pixels these are covered when unfolded: %q", width, covered)
			}
			b.clickOn(more + ".querySelector('summary')")
		}
		if missing := b.notInPage(marcus, monday.AddDate(0, 0, 1), monday.AddDate(0, 0, 4)); len(missing) > 0 {
			t.Errorf("the page has nothing of %q", missing)
		}

		first := "document.querySelector('.more a')"
		b.clickOn("document.querySelector('.more summary')")
		name := ask[string](b, first+".querySelector('.p-name').textContent")
		b.clickOn(first)
		b.until(fmt.Sprintf("document.querySelector('main article.event h1')?.textContent === %q", name))
		b.click("main .back a")
		b.at("/calendar/")
		b.click("a[rel=next]")
		b.until("document.querySelector('.cal') && !document.querySelector('.today')")
	}
}

// notInPage lists the subjects of a person's events between two days that the
// page does not mention.
func (b *tab) notInPage(username string, from, until time.Time) []string {
	b.Helper()
	shown := map[string]bool{}
	for _, name := range ask[[]string](b, "[...document.querySelectorAll('.p-name')].map(e => e.textContent.trim())") {
		shown[strings.Join(strings.Fields(name), " ")] = true
	}
	var missing []string
	for _, o := range b.sim.Occurrences(b.sim.Person(username), from, until) {
		if name := strings.Join(strings.Fields(o.Subject), " "); name != "" && !shown[name] {
			missing = append(missing, name)
		}
	}
	return missing
}

var pdfPage = regexp.MustCompile(`/Type\s*/Page\b`)

// printing counts the pages of each view on paper, A4 either way round.
func printing(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.signIn(lena)
	for _, view := range []string{"day", "workweek", "week", "month", "agenda"} {
		// Last week: this week's hours reach to now, which may be midnight.
		b.open("/calendar/" + view + "/" + thisMonday().AddDate(0, 0, -6).Format(time.DateOnly))
		for _, landscape := range []bool{false, true} {
			var pdf []byte
			b.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
				pdf, _, err = page.PrintToPDF().WithLandscape(landscape).WithPaperWidth(8.27).WithPaperHeight(11.69).
					WithPreferCSSPageSize(false).WithPrintBackground(false).Do(ctx)
				return err
			}))
			if pages := len(pdfPage.FindAll(pdf, -1)); pages != 1 || !bytes.HasPrefix(pdf, []byte("%PDF")) {
				t.Errorf("%s is on %d pages, landscape %t", view, pages, landscape)
			}
		}
		// The picture is of the same sheet, A4 landscape without its margins.
		b.do(emulation.SetEmulatedMedia().WithMedia("print"), emulation.SetDeviceMetricsOverride(1047, 718, 1, false))
		b.shoot("print-" + view)
		if wrong := ask[[]string](b, misprinted); len(wrong) > 0 {
			t.Errorf("%s on paper: %q", view, wrong)
		}
		b.do(emulation.SetEmulatedMedia(), emulation.SetDeviceMetricsOverride(1280, 900, 1, false))
	}
}

// misprinted lists what lies over something else on paper, the events whose
// name is cut, and those that have room for their time and do not show it.
const misprinted = `(() => {
	const seen = (selector, root = document) => [...root.querySelectorAll(selector)].filter(e => e.checkVisibility());
	const box = e => e.getClientRects()[0], wrong = [];
	for (const [over, under] of [['.month .names span', '.month .day b'], ['.zones b', '.hours i'], ['.zones', '.hours .all']])
		for (const a of seen(over)) for (const b of seen(under)) {
			const r = box(a), s = box(b);
			if (r.left < s.right && s.left < r.right && r.top < s.bottom - 0.5 && s.top < r.bottom - 0.5)
				wrong.push(a.textContent + ' lies over ' + (b.textContent || b.className));
		}
	const inside = (e, around) => box(e).top >= box(around).top - 0.5 && box(e).bottom <= box(around).bottom + 0.5;
	for (const a of seen('.grid .timed .ev a.u-url')) {
		const name = a.querySelector('.nm'), line = a.querySelector('.line');
		if (!inside(name.querySelector('bdi'), a)) wrong.push(name.textContent + ' is cut');
		if (name.offsetHeight < 2 * parseFloat(getComputedStyle(name).lineHeight) - 1)
			for (const when of seen('.when', a)) if (!inside(when, line)) wrong.push(name.textContent + ' has no time');
	}
	return wrong;
})()`

// chosenTheme is what the person wants, whatever the device has.
func chosenTheme(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.signIn(lena)
	const ground = "getComputedStyle(document.body).backgroundColor"
	light := ask[string](b, ground)
	b.open("/settings")
	ask[string](b, "document.querySelector('#theme').value = 'dark'")
	b.click("main form button.primary")
	b.until("document.documentElement.dataset.theme === 'dark' && document.readyState === 'complete'")
	dark := ask[string](b, ground)
	if dark == light {
		t.Errorf("dark and light are both %s", dark)
	}
	ask[string](b, "document.querySelector('#theme').value = 'light'")
	b.click("main form button.primary")
	b.until("document.documentElement.dataset.theme === 'light' && document.readyState === 'complete'")
	b.do(emulation.SetEmulatedMedia().WithFeatures(media("dark")))
	if ground := ask[string](b, ground); ground != light {
		t.Errorf("light on a dark device is %s, want %s", ground, light)
	}
}
