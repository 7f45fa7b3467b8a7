package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"daybook/internal/simulator"
)

var comfortParts = []browserPart{
	{"an open calendar keeps itself current", current},
	{"the days stay in sight", inSight},
	{"turning faster than pages come", fastTurns},
	{"a page that cannot be renewed says so", outOfReach},
	{"far from home", farFromHome},
	{"to a date", toDate},
	{"a phone", onPhone},
	{"calendars are switched and months turned beside the page", beside},
	{"another version of Daybook", otherVersion},
	{"a form is sent once", sentOnce},
	{"a meeting's link", copyLink},
}

// copyLink copies a meeting's link, which the permissions policy must let it.
func copyLink(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t), emulation.SetFocusEmulationEnabled(true))
	b.signIn(lena)
	b.open(weekPath())
	event := ask[string](b, `(async () => {
		for (const a of document.querySelectorAll('.cal .u-url'))
			if ((await (await fetch(a.href)).text()).includes('data-copy')) return a.pathname;
	})()`, awaited)
	b.open(event)
	b.click(".copy")
	b.until("document.querySelector('.copy').textContent === 'Copied'")
}

// inSight scrolls a week to its end: the headings of its days, its bar and the
// small month are still there, and nothing lies over them.
func inSight(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t), emulation.SetDeviceMetricsOverride(1280, 600, 1, false))
	b.signIn(lena)
	b.open(weekPath() + "?hours=all")
	ask[bool](b, "scrollTo(0, 1e6), true")
	b.until("scrollY > 500")
	for _, selector := range []string{".grid .day h2 a", ".grid .day:last-child h2 a", "a[rel=next]", ".views a", ".mini a"} {
		if !ask[bool](b, fmt.Sprintf(`(e => {
			const r = e.getBoundingClientRect();
			return e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2));
		})(document.querySelector(%q))`, selector)) {
			t.Errorf("%s is out of sight", selector)
		}
	}
	// The keyboard does not land under what stays.
	if covered := ask[[]string](b, `[...document.querySelectorAll('.grid .u-url')].filter(a => {
		scrollTo(0, 1e6);
		a.focus();
		const r = a.getClientRects()[0];
		return !a.contains(document.elementFromPoint(r.x + 5, r.y + 3));
	}).map(a => a.textContent)`); len(covered) > 0 {
		t.Errorf("the focus is under what stays: %q", covered)
	}
}

// fastTurns clicks three times on "next" before the first page has come.
func fastTurns(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.signIn(lena)
	b.open("/calendar/week/2026-03-04")
	stay := b.staying()
	ask[bool](b, "(next => (next.click(), next.click(), next.click(), true))(document.querySelector('a[rel=next]'))")
	b.until("location.pathname === '/calendar/week/2026-03-25' && !document.querySelector('#main[aria-busy]') && document.querySelector('#d2026-03-25')")
	stay()
}

// outOfReach takes the network away from an open week.
func outOfReach(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.expect("net::ERR_INTERNET_DISCONNECTED")
	b.signIn(lena)
	b.open(weekPath())
	stay := b.staying()
	offline := func(is bool) {
		b.do(network.EmulateNetworkConditions(is, 0, -1, -1))
	}
	offline(true)
	b.click("a[rel=next]")
	b.until("document.querySelector('.stale')?.textContent.startsWith('Not reachable just now.') && document.querySelector('#live').textContent && !document.querySelector('#main[aria-busy]')")
	if path := ask[string](b, "location.pathname"); path != weekPath() {
		t.Errorf("the address is %s while the week is still the old one", path)
	}
	offline(false)
	b.click("a[rel=next]")
	b.until(fmt.Sprintf("location.pathname !== %q && !document.querySelector('.stale')", weekPath()))
	stay()
}

// farFromHome puts Lena's browser, whose mailbox is in Berlin, to New York.
func farFromHome(t *testing.T, c *chrome) {
	d := newDemo(t)
	b := c.newTab(t, d, emulation.SetTimezoneOverride("America/New_York"))
	b.signIn(lena)
	b.open(weekPath())
	atHome := ask[string](b, begins)
	b.until("document.querySelector('.travel').checkVisibility()")
	b.shoot("far-from-home")
	b.click(".travel a")
	b.until("location.search === '?tz=America%2FNew_York' && document.querySelector('.pane .note a')")
	if there := ask[string](b, begins); there == atHome || !sameInstant(atHome, there) {
		t.Errorf("what begins at %s does so at %s in New York", atHome, there)
	}
	b.click(".pane .note a")
	b.until("location.search === '' && document.querySelector('.travel').checkVisibility()")
	b.click(".travel button")
	b.until("!document.querySelector('.travel').checkVisibility()")
	b.open(weekPath())
	if ask[bool](b, "document.querySelector('.travel').checkVisibility()") {
		t.Error("who has said no is asked again")
	}
	const storage = "(async () => JSON.stringify([{...localStorage}, {...sessionStorage}, (await indexedDB.databases()).length, (await caches.keys()).length]))()"
	if kept := ask[string](b, storage, awaited); kept != `[{},{"stays":"1"},0,0]` {
		t.Errorf("beside cookies the browser keeps %s, want that the note was closed and nothing else", kept)
	}

	home := c.newTab(t, d, emulation.SetTimezoneOverride("Europe/Paris")) // the same clock
	home.signIn(lena)
	home.open(weekPath())
	if ask[bool](home, "document.querySelector('.travel').checkVisibility()") {
		t.Error("at home there is a note for travellers")
	}
}

// toDate goes to a day with the keyboard, also where the field is folded away.
func toDate(t *testing.T, c *chrome) {
	d := newDemo(t)
	for _, width := range []int64{1280, 390} {
		b := c.newTab(t, d, emulation.SetDeviceMetricsOverride(width, 800, 1, width < 700))
		b.signIn(lena)
		b.open("/calendar/month/2026-03-04")
		b.press("g")
		b.until("document.activeElement === document.querySelector('.goto input') && document.activeElement.checkVisibility()")
		ask[string](b, "document.activeElement.value = '2027-02-14'")
		b.press("\r")
		b.at("/calendar/month/2027-02-14")
	}
}

// onPhone looks at what a thumb finds.
func onPhone(t *testing.T, c *chrome) {
	d := newDemo(t)
	start := thisMonday().Add(34 * time.Hour)
	if _, err := d.sim.Put(d.sim.Person(lena), simulator.Event{Subject: "On call", Start: start, End: start.Add(72 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	b := c.newTab(t, d, emulation.SetDeviceMetricsOverride(390, 844, 1, true))
	b.signIn(lena)
	day := time.Now().Format(time.DateOnly)
	b.open("/calendar/month/" + day)
	// The whole cell of a day opens it, also where a timed event is drawn.
	at := ask[[]float64](b, "(r => [r.x + r.width / 2, r.y + r.height / 2])([...document.querySelectorAll('.month .day .ev:not(.days)')].find(e => e.getBoundingClientRect().top > 200).getBoundingClientRect())")
	b.do(chromedp.MouseClickXY(at[0], at[1]))
	b.at("/calendar/day/")
	// What goes on for days says on each of them when it ends.
	b.open(weekPath())
	if sizes := ask[[]float64](b, "[...document.querySelectorAll('.ev:not(.h-event) .till>*')].map(e => e.getBoundingClientRect().width)"); len(sizes) == 0 || slices.Min(sizes) < 20 {
		t.Errorf("the ends of what goes on are %v pixels wide", sizes)
	}
	b.open("/calendar/month/" + day)
	b.click(".views a[data-key=w]")
	b.at("/calendar/week/")
	if bottom := ask[float64](b, "document.querySelector('.views').getBoundingClientRect().bottom"); bottom != 844 {
		t.Errorf("the views end at %v, want the bottom of the window", bottom)
	}
	// The week opens at today, and its heading is not under the bar.
	b.until("document.querySelector('.today') && !document.querySelector('#main[aria-busy]')")
	b.until("Math.abs(document.querySelector('.today h2').getBoundingClientRect().top - 60) < 2 || scrollY + innerHeight >= document.documentElement.scrollHeight - 1")
	b.shoot("phone-week")
}

// current changes the mailbox under an open week. The page's clock is put
// forward instead of waited for.
func current(t *testing.T, c *chrome) {
	noon := time.Now().Truncate(24 * time.Hour).Add(11 * time.Hour)
	var passed atomic.Int64 // minutes
	d := newDemoAt(t, func() time.Time { return noon.Add(time.Duration(passed.Load()) * time.Minute) })
	b := c.newTab(t, d)
	b.do(chromedp.ActionFunc(onNewDocument(`
		const now = Date.now;
		let ahead = 0;
		Date.now = () => now() + ahead;
		const ticks = [];
		window.setInterval = f => ticks.push(f);
		window.minutePasses = () => { ahead += 60000; ticks.forEach(f => f()); };
		window.comesBack = () => { ahead += 30000; document.dispatchEvent(new Event('visibilitychange')); };`)))
	b.signIn(lena)
	b.open(weekPath())
	stay := b.staying()
	at := thisMonday().AddDate(0, 0, 5)
	put := func(name string, hour int) string {
		start := time.Date(at.Year(), at.Month(), at.Day(), hour, 0, 0, 0, time.UTC)
		id, err := d.sim.Put(d.sim.Person(lena), simulator.Event{Subject: name, Start: start, End: start.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	shown := func(name string) string {
		return fmt.Sprintf("[...document.querySelectorAll('.p-name')].some(e => e.textContent === %q)", name)
	}
	said := func(name string) string {
		return fmt.Sprintf("document.querySelector('#live').textContent.includes(%q)", name)
	}

	id := put("Paint the fence", 14)
	ask[bool](b, designReview+".focus(), minutePasses(), true")
	b.until(shown("Paint the fence") + " && " + said("Paint the fence"))
	if !ask[bool](b, designReview+" === document.activeElement") {
		t.Error("the refresh has taken the focus away")
	}
	if err := d.sim.Remove(d.sim.Person(lena), id); err != nil {
		t.Fatal(err)
	}
	put("Water the plants", 16)
	ask[bool](b, "comesBack(), true")
	b.until("!" + shown("Paint the fence") + " && " + shown("Water the plants") + " && " + said("Water the plants"))

	// What is being read stays open.
	ask[bool](b, "document.querySelector('.side details').open = true")
	put("Feed the cat", 18)
	ask[bool](b, "minutePasses(), true")
	b.until(shown("Feed the cat"))
	if !ask[bool](b, "document.querySelector('.side details').open") {
		t.Error("the refresh has closed what was open")
	}

	// So does the focus on what is no link.
	ask[bool](b, "document.querySelector('.side button').focus(), true")
	put("Call grandmother", 20)
	ask[bool](b, "minutePasses(), true")
	b.until(shown("Call grandmother"))
	if !ask[bool](b, "document.querySelector('.side button') === document.activeElement") {
		t.Error("the refresh has taken the focus from a button")
	}

	// Where nothing has changed, nothing is replaced.
	fetched := ask[int](b, "document.querySelector('.grid').same = performance.getEntriesByType('resource').length")
	for i := range 3 { // each comes when the one before has been looked at
		passed.Add(4) // the server says since when, and where the line is at
		ask[bool](b, "minutePasses(), true")
		b.until(fmt.Sprintf("performance.getEntriesByType('resource').length > %d", fetched+i))
	}
	if same := ask[bool](b, "document.querySelector('.grid').same > 0"); !same {
		t.Error("the refresh has replaced what has not changed")
	}
	b.until("document.querySelector('.cal').dataset.stale.includes('12:12') || document.querySelector('.cal').dataset.stale.includes('13:12')")
	stay()

	// When the session has ended nobody is signed in without being asked.
	b.expect("401")
	b.do(network.ClearBrowserCookies())
	ask[bool](b, "minutePasses(), true")
	b.until("location.pathname === '/' && document.querySelector('a[href*=\"return_to=%2fcalendar%2fweek\" i]')")
}

// beside uses what is folded beside the calendar of a narrow window: it stays
// open, and the focus where it was.
func beside(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t), emulation.SetDeviceMetricsOverride(390, 844, 1, true))
	b.signIn(lena)
	from := thisMonday().AddDate(0, -1, 0)
	b.open("/calendar/month/" + from.Format(time.DateOnly))
	stay := b.staying()
	b.click(".side summary")
	b.click(".mini caption a:last-child")
	const open = " && document.querySelector('.side details').open && !document.querySelector('#main[aria-busy]')"
	b.until("location.pathname.startsWith('/calendar/month/" + from.AddDate(0, 1, 0).Format("2006-01") + "') && document.activeElement === document.querySelector('.mini caption a:last-child')" + open)

	before := ask[int](b, "document.querySelectorAll('.h-event').length")
	b.click(".cals button")
	b.until("document.querySelector('.cals button').getAttribute('aria-pressed') === 'false' && document.activeElement === document.querySelector('.cals button')" + open)
	if after := ask[int](b, "document.querySelectorAll('.h-event').length"); after >= before {
		t.Errorf("%d events without a calendar, %d with it", after, before)
	}
	b.shoot("beside-the-page")
	stay()
	// What a script gets no page for is sent as a form, which shows why.
	ask[bool](b, "window.fetch = async () => new Response('', {status: 503}), true")
	b.click(".cals button")
	b.until("window.stays === undefined && document.readyState === 'complete' && document.querySelector('.cals button').getAttribute('aria-pressed') === 'true'")
	b.click(".side summary")
	b.click(".cals button")
	b.until("document.querySelector('.cals button').getAttribute('aria-pressed') === 'false'" + open)
	stay = b.staying()
	// Two at once are both done.
	ask[bool](b, "(all => (all[0].click(), all[1].click(), true))(document.querySelectorAll('.cals button'))")
	b.until("['true', 'false'].every((on, i) => document.querySelectorAll('.cals button')[i].getAttribute('aria-pressed') === on)" + open)
	stay()
}

// otherVersion has a page come from a Daybook with another script.
func otherVersion(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.signIn(lena)
	b.open("/calendar/week/2026-03-04")
	b.staying()
	ask[string](b, "document.querySelector('script[src]').dataset.version = 'former'")
	b.press("j")
	b.until("location.pathname === '/calendar/week/2026-03-11' && !window.stays && document.readyState === 'complete'")
	stay := b.staying()
	b.press("j")
	b.until("location.pathname === '/calendar/week/2026-03-18' && !document.querySelector('#main[aria-busy]')")
	stay()
}

// sentOnce clicks again on "Sign out" while Microsoft takes its time: the second
// click must not call off the way there.
func sentOnce(t *testing.T, c *chrome) {
	var sent atomic.Int32
	arrived, clicked := make(chan bool, 2), make(chan bool)
	b := c.newTab(t, newDemo(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/auth/logout":
				sent.Add(1)
			case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/logout"):
				arrived <- true
				select {
				case <-clicked:
				case <-r.Context().Done():
				}
			case r.URL.Path == "/arrived":
				select {
				case <-arrived:
				case <-r.Context().Done():
				}
				return
			case r.URL.Path == "/clicked":
				close(clicked)
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	b.expect("Clear-Site-Data")
	b.signIn(lena)
	b.open("/profile")
	b.click(".menu summary")
	// From within: a page that is being left is not to be asked from outside.
	ask[bool](b, `addEventListener('submit', async e => {
		await fetch('/arrived');
		e.submitter.click();
		await fetch('/clicked');
	}, {once: true}), true`)
	b.click(".menu form button")
	b.until("!document.querySelector('.menu')")
	if n := sent.Load(); n != 1 {
		t.Errorf("a form is sent %d times", n)
	}
}
