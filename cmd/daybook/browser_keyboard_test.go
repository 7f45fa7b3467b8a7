package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var keyboardParts = []browserPart{
	{"the keyboard alone reaches and opens every event", keyboardAlone},
	{"shortcuts", shortcuts},
	{"straight to the content", toContent},
	{"an event over the calendar", dialog},
	{"of two things asked for the last is shown", lastAsked},
	{"pages turn without a reload", turning},
}

func keyboardAlone(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.signIn(lena)
	b.open(weekPath())
	ask[bool](b, `window.reached = new Set(), window.blurred = [], document.addEventListener('focusin', e => {
		if (e.target.matches('.u-url')) reached.add(e.target.href);
		if (getComputedStyle(e.target).outlineStyle === 'none') blurred.push(e.target.outerHTML.slice(0, 100));
	}), true`)
	for range ask[int](b, "document.querySelectorAll('a, button, summary, input, select').length") {
		b.press(kb.Tab)
	}
	if missed := ask[[]string](b, "[...document.querySelectorAll('.u-url')].filter(a => !reached.has(a.href)).map(a => a.textContent)"); len(missed) > 0 {
		t.Errorf("Tab does not reach %q", missed)
	}
	if reached := ask[int](b, "reached.size"); reached < 20 {
		t.Errorf("%d events reached in a full week", reached)
	}
	if unseen := ask[[]string](b, "blurred"); len(unseen) > 0 {
		t.Errorf("nothing shows that these have the focus: %q", unseen)
	}
	// Enter on any of them does what a click does; each page is checked to be
	// that event's.
	for i := range 3 {
		name := ask[string](b, fmt.Sprintf("(a => (a.focus(), a.querySelector('.p-name').textContent))(document.querySelectorAll('.u-url')[%d * 7])", i))
		b.press(kb.Enter)
		b.until(fmt.Sprintf("document.querySelector('dialog[open] h1')?.textContent === %q", name))
		b.press(kb.Escape)
		b.until("!document.querySelector('dialog') && location.pathname.startsWith('/calendar/week/')")
	}
}

func shortcuts(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.signIn(lena)
	b.open("/calendar/week/2026-03-04")
	stay := b.staying()
	for _, s := range []struct{ key, path string }{
		{"j", "/calendar/week/2026-03-11"}, {"k", "/calendar/week/2026-03-04"},
		{kb.ArrowRight, "/calendar/week/2026-03-11"}, {kb.ArrowLeft, "/calendar/week/2026-03-04"},
		{"d", "/calendar/day/2026-03-04"}, {"x", "/calendar/workweek/2026-03-04"}, {"m", "/calendar/month/2026-03-04"},
		{"a", "/calendar/agenda/2026-03-04"}, {"w", "/calendar/week/2026-03-04"}, {"t", "/calendar/week/20"},
	} {
		b.press(s.key)
		b.until(fmt.Sprintf("location.pathname.startsWith(%q) && !document.querySelector('#main[aria-busy]')", s.path))
	}
	if path := ask[string](b, "location.pathname"); strings.Contains(path, "2026-03") {
		t.Errorf("t leads to %s", path)
	}
	stay()

	b.press("?")
	b.until("['t', 'j', 'k', 'd', 'w', 'x', 'm', 'a', '/'].every(key => [...document.querySelectorAll('dialog[open] kbd')].some(e => e.textContent === key))")
	b.shoot("shortcuts")
	b.press("m") // not while a dialog is open
	b.press(kb.Escape)
	b.until("!document.querySelector('dialog')")

	b.press("/")
	b.at("/calendar/search")
	stay = b.staying()
	b.press("/")
	b.until("document.activeElement.id === 'q'")
	stay()
	b.press("m", "?", "t")
	if typed := ask[string](b, "document.activeElement.value"); typed != "m?t" {
		t.Errorf("typed into the search: %q", typed)
	}
	b.unmoved("/calendar/search")

	b.open("/settings")
	b.click("input[name=keys]")
	b.click("main form button.primary")
	b.until("location.search === '?saved=1'")
	b.open("/calendar/week/2026-03-04")
	b.press("m", "j", "?", "/")
	b.unmoved("/calendar/week/2026-03-04")
}

// toContent uses the first link of a page. It only moves the focus: what was
// chosen and not saved yet stays, and nothing is asked of the server.
func toContent(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	skip := func(path string) {
		t.Helper()
		ask[bool](b, "window.asked = 0, window.fetch = (real => (...request) => (asked++, real(...request)))(fetch), true")
		stay := b.staying()
		b.press(kb.Tab)
		b.until("document.activeElement.matches('a.skip')")
		b.press(kb.Enter)
		b.until("document.activeElement.id === 'main'")
		ask[bool](b, "location.hash = 'main', true") // as an address written by hand
		b.back()
		b.until("location.hash === ''")
		b.unmoved(path)
		stay()
		if asked := ask[int](b, "asked"); asked > 0 {
			t.Errorf("%s: %d requests on the way to the content", path, asked)
		}
	}
	b.open("/")
	skip("/")
	b.press(kb.Tab)
	b.until(`document.activeElement.matches('main a[href^="/auth/login"]')`)

	b.signIn(lena)
	b.open("/settings")
	ask[string](b, "document.querySelector('#theme').value = 'dark'")
	skip("/settings")
	if theme := ask[string](b, "document.querySelector('#theme').value"); theme != "dark" {
		t.Errorf("the theme that was chosen is %q by now", theme)
	}
}

// staying returns what fails when the document was left since.
func (b *tab) staying() func() {
	b.Helper()
	ask[bool](b, "window.stays = true")
	return func() {
		b.Helper()
		if !ask[bool](b, "window.stays === true") {
			b.Error("the page was loaded anew")
		}
	}
}

// unmoved fails when the keys pressed before have begun or done anything.
// Whatever keys do they begin at once, and answers to one another are given
// in order.
func (b *tab) unmoved(path string) {
	b.Helper()
	if !ask[bool](b, fmt.Sprintf("location.pathname === %q && !document.querySelector('dialog, #main[aria-busy]')", path)) {
		b.Errorf("a key did something at %s", ask[string](b, "location.href"))
	}
}

func dialog(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t), withRules())
	b.signIn(lena)
	b.open(weekPath())
	stay := b.staying()
	const open = "document.querySelector('dialog[open]')"
	href := ask[string](b, designReview+".getAttribute('href')")
	focused := fmt.Sprintf("!document.querySelector('dialog') && location.pathname.startsWith('/calendar/week/') && document.activeElement.getAttribute('href') === %q", href)

	ways := map[string]func(){
		"Escape":          func() { b.press(kb.Escape) },
		"the back button": b.back,
		"its button":      func() { b.click("dialog [data-close]") },
		"a click beside":  func() { b.do(chromedp.MouseClickXY(4, 400)) },
	}
	for name, closes := range ways {
		b.clickOn(designReview)
		b.until(fmt.Sprintf("%s && location.pathname + location.search === %q", open, href))
		if inside := ask[bool](b, open+".contains(document.activeElement)"); !inside {
			t.Error("the focus is not in the dialog")
		}
		if name == "Escape" {
			b.shoot("dialog")
			b.accessible()
		}
		closes()
		b.until(focused)
	}

	// Neither what selects its text, nor a click on its edge, nor the second
	// half of the double click that opened it closes it.
	b.clickOn(designReview)
	b.until(open)
	at := ask[[]float64](b, "(({x, y}) => [x, y])("+open+".querySelector('h1').getClientRects()[0])")
	edge := ask[[]float64](b, "(({x, y}) => [x, y])("+open+".getBoundingClientRect())")
	b.do(chromedp.MouseEvent(input.MousePressed, at[0]+40, at[1]+8, chromedp.ButtonLeft, chromedp.ClickCount(1)),
		chromedp.MouseEvent(input.MouseMoved, 4, 400, chromedp.ButtonLeft),
		chromedp.MouseEvent(input.MouseReleased, 4, 400, chromedp.ButtonLeft, chromedp.ClickCount(1)),
		chromedp.MouseClickXY(edge[0]+6, edge[1]+60),
		chromedp.MouseClickXY(4, 400, chromedp.ClickCount(2)))
	if !ask[bool](b, "Boolean("+open+")") {
		t.Error("the dialog closes while it is read")
	} else {
		b.press(kb.Escape)
	}
	b.until(focused)
	stay()
	if shown := ask[string](b, "document.querySelector('h1').textContent"); shown == "" {
		t.Error("the calendar is gone")
	}

	// The address is the event's: a reload shows its page, and from there the
	// way back is to the calendar as it was.
	b.clickOn(designReview)
	b.until(open)
	b.do(page.Reload())
	b.until("!window.stays && document.readyState === 'complete' && document.querySelector('main article.event') && !document.querySelector('dialog')")
	b.back()
	b.until("location.pathname.startsWith('/calendar/week/') && document.querySelector('.grid') && getComputedStyle(document.querySelector('.grid')).display === 'grid'")
}

// lastAsked clicks and presses on while pages are on their way, and lets these
// come in an order of its own.
func lastAsked(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.signIn(lena)
	b.open("/calendar/week/2026-03-04")
	stay := b.staying()
	ask[bool](b, `window.held = [], window.fetch = (real => (...request) => new Promise(come => held.push(async () => {
		const answer = await real(...request), whole = answer.clone();
		come(answer);
		await whole.text();
		await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
		return true;
	})))(fetch), true`)
	comes := func(asked int) {
		b.Helper()
		b.until(fmt.Sprintf("held[%d]", asked))
		ask[bool](b, fmt.Sprintf("held[%d]()", asked), awaited)
	}
	at := func(path string, dialogs int) {
		b.Helper()
		b.until(fmt.Sprintf("location.pathname.startsWith(%q) && document.querySelectorAll('dialog').length === %d && !document.querySelector('#main[aria-busy]')", path, dialogs))
	}

	// An event twice, and it is open once.
	b.clickOn(designReview)
	b.clickOn(designReview)
	comes(0)
	comes(1)
	at("/calendar/events/", 1)
	b.press(kb.Escape)
	at("/calendar/week/2026-03-04", 0)

	// An event, and on to the next week.
	b.clickOn(designReview)
	b.press("j")
	comes(3)
	comes(2)
	at("/calendar/week/2026-03-11", 0)

	// Back, and an event that is still in sight: it closes onto where one is.
	b.back()
	b.until("held[4]")
	b.clickOn(designReview)
	comes(5)
	comes(4)
	at("/calendar/events/", 1)
	b.press(kb.Escape)
	comes(6)
	at("/calendar/week/2026-03-04", 0)
	b.until("document.querySelector('#d2026-03-04')")
	stay()
}

func turning(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.signIn(lena)
	b.open("/calendar/week/2026-03-04")
	stay := b.staying()
	before := ask[string](b, "document.querySelector('h1').textContent")
	// It is said where one is, and the focus stays on what was used, so that it
	// can be used again; keys lead to the heading.
	said := `document.querySelector('#live').textContent && document.querySelector('h1').textContent.includes(document.querySelector('#live').textContent.trim()) && `
	b.press("k")
	b.until("location.pathname === '/calendar/week/2026-02-25' && " + said + "document.activeElement === document.querySelector('h1')")
	b.press("j")
	b.until("location.pathname === '/calendar/week/2026-03-04' && !document.querySelector('#main[aria-busy]')")
	ask[bool](b, "scrollTo(0, 150), true")
	b.click("a[rel=next]")
	b.until("location.pathname === '/calendar/week/2026-03-11' && " + said + "document.activeElement === document.querySelector('a[rel=next]')")
	if top := ask[float64](b, "scrollY"); top != 150 {
		t.Errorf("the hours in sight have moved: %v pixels from the top, want 150", top)
	}
	if after := ask[string](b, "document.querySelector('h1').textContent"); after == before || !strings.HasPrefix(ask[string](b, "document.title"), strings.Fields(after)[0]) {
		t.Errorf("the week after %q is headed %q", before, after)
	}
	b.click(`.views a[data-key=m]`)
	b.until("location.pathname === '/calendar/month/2026-03-11' && document.querySelector('.month')")
	b.back()
	b.until("location.pathname === '/calendar/week/2026-03-11' && document.querySelector('.grid')")
	b.back()
	b.until(fmt.Sprintf("location.pathname === '/calendar/week/2026-03-04' && document.querySelector('h1').textContent === %q", before))
	stay()

	// A swipe turns too.
	ask[bool](b, `(() => {
		const pane = document.querySelector('.pane');
		const at = x => new Touch({identifier: 1, target: pane, clientX: x, clientY: 500});
		pane.dispatchEvent(new TouchEvent('touchstart', {bubbles: true, touches: [at(900)], changedTouches: [at(900)]}));
		pane.dispatchEvent(new TouchEvent('touchend', {bubbles: true, touches: [], changedTouches: [at(700)]}));
		return true;
	})()`)
	b.until("location.pathname === '/calendar/week/2026-03-11'")
	stay()

	// From the search the calendar comes in its own clothes.
	b.open("/calendar/search?q=retrospective")
	b.click(".day h2 a")
	b.until("location.pathname.startsWith('/calendar/day/') && getComputedStyle(document.querySelector('.grid')).display === 'grid'")
	if at := ask[string](b, "document.querySelector('.bar [aria-current]').textContent"); at != "Calendar" {
		t.Errorf("the bar says that this is %q", at)
	}
}
