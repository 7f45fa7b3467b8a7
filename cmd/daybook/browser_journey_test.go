package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var journeyParts = []browserPart{
	{"from sign-in to sign-out", func(t *testing.T, c *chrome) {
		b := c.newTab(t, newDemo(t))
		b.journey("document.querySelector('dialog[open] article.event')")
	}},
	{"from sign-in to sign-out without JavaScript", func(t *testing.T, c *chrome) {
		b := c.newTab(t, newDemo(t), withoutScripts())
		b.journey("document.querySelector('main article.event')")
	}},
	{"consent declined, then given", consent},
	{"an empty calendar", emptyCalendar},
	{"no mailbox", noMailbox},
}

// weekPath is this week, as the demo's world has it.
func weekPath() string { return "/calendar/week/" + thisMonday().Format(time.DateOnly) }

// The link to an event of Lena's every week, and when it begins.
const (
	designReview = `[...document.querySelectorAll('.u-url')].find(a => a.textContent.includes('Design review'))`
	begins       = designReview + `.closest('.h-event').querySelector('.dt-start').getAttribute('datetime')`
)

// journey is what a person does on their first day. opened is what an opened
// event looks like.
func (b *tab) journey(opened string) {
	b.expect("Clear-Site-Data header on") // says that it has cleared
	b.signIn(lena)
	b.open(weekPath())
	atHome := ask[string](b, begins)

	b.clickOn(designReview)
	b.until(opened + " && location.pathname.startsWith('/calendar/events/')")
	b.until(`document.querySelector('article.event').innerText.includes('Please look at the empty states before we meet.')`)
	b.back()
	b.at("/calendar/week/")
	b.until("!(" + opened + ")")

	b.menu("/profile")
	b.until("document.querySelector('main').innerText.includes('Senior Product Manager')")
	b.until("document.querySelector('img.photo').naturalWidth > 0")

	b.menu("/settings")
	ask[string](b, "document.querySelector('#tz').value = 'Asia/Tokyo'")
	ask[string](b, "document.querySelector('#tz2').value = 'America/New_York'")
	b.click("main form button.primary")
	b.until("location.search === '?saved=1' && document.querySelector('.note.ok')")
	b.open(weekPath())
	inTokyo := ask[string](b, begins)
	if !sameInstant(atHome, inTokyo) || !strings.HasSuffix(inTokyo, "+09:00") {
		b.Errorf("the event begins at %s, and in Tokyo at %s", atHome, inTokyo)
	}
	if zones := ask[string](b, "document.querySelector('.zones').innerText"); !strings.Contains(zones, "New York") || !strings.Contains(zones, "Tokyo") {
		b.Errorf("the columns of hours are headed %q", zones)
	}

	b.menu("/sessions")
	b.until("document.querySelector('main').innerText.includes('This browser')")

	b.click("details.menu summary")
	b.click(`details.menu form[action="/auth/logout"] button`)
	b.at("/simulator/")
	b.click("a.primary")
	b.until("location.pathname === '/' && document.querySelector('.front')")
	b.nothingPrivate()
}

func sameInstant(a, b string) bool {
	x, errX := time.Parse(time.RFC3339, a)
	y, errY := time.Parse(time.RFC3339, b)
	return errX == nil && errY == nil && x.Equal(y)
}

// menu chooses an entry of the account's menu.
func (b *tab) menu(path string) {
	b.Helper()
	b.click("details.menu summary")
	b.click(`details.menu a[href="` + path + `"]`)
	b.at(path)
}

// nothingPrivate goes back to every page seen before: after signing out none
// of them may be shown again.
func (b *tab) nothingPrivate() {
	b.Helper()
	for range ask[int](b, "history.length") - 1 {
		ask[string](b, "document.documentElement.dataset.left = '1'")
		b.back()
		b.until("document.readyState === 'complete' && !document.documentElement.dataset.left")
		if private := ask[bool](b, `Boolean(document.querySelector('.menu, .h-event, article.event, main .card'))`); private {
			b.shoot("private")
			b.Fatalf("going back after signing out shows %s", ask[string](b, "location.href"))
		}
		if strings.HasPrefix(ask[string](b, "location.href"), "about:") {
			return
		}
	}
}

func consent(t *testing.T, c *chrome) {
	const nadia = "nadia.haddad@contoso.example"
	b := c.newTab(t, newDemo(t))
	b.expect("the server responded with a status of 4")
	b.open("/")
	b.click(`a[href^="/auth/login"]`)
	b.at("/simulator/")
	b.click(`button[data-username="` + nadia + `"]`)
	b.until("document.querySelector('.permissions')")
	b.click("button[value=cancel]")
	b.at("/auth/callback")
	b.until("document.querySelector('main .status') && document.querySelector('main a.button')")
	b.shoot("declined")
	if text := ask[string](b, "document.body.innerText"); strings.Contains(text, "AADSTS") || strings.Contains(text, "access_denied") {
		t.Error("Microsoft's own words are shown:", text)
	}
	b.click("main a.button")
	b.at("/simulator/")
	b.click("button[value=accept]") // she is signed in there by now
	b.at("/calendar/")
	b.until("document.querySelector('.h-event')")
}

func emptyCalendar(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.signIn("priya.nair@contoso.example")
	for _, view := range []string{"week", "month", "agenda"} {
		b.open(fmt.Sprintf("/calendar/%s/%s", view, thisMonday().Format(time.DateOnly)))
		if events, notes := ask[int](b, "document.querySelectorAll('.ev').length"), ask[int](b, "document.querySelectorAll('.note').length"); events+notes > 0 {
			t.Errorf("%s: %d events and %d notes in an empty calendar", view, events, notes)
		}
		b.shoot("empty-" + view)
	}
	b.until("document.querySelector('.none').checkVisibility()")
	b.open("/profile")
	b.until("document.querySelector('main .face.big')")
}

func noMailbox(t *testing.T, c *chrome) {
	b := c.newTab(t, newDemo(t))
	b.expect("the server responded with a status of 404")
	b.open("/")
	b.click(`a[href^="/auth/login"]`)
	b.at("/simulator/")
	b.click(`button[data-username="tom.becker@contoso.example"]`)
	b.until("location.pathname.startsWith('/calendar') && document.querySelector('main .status')")
	b.shoot("no-mailbox")
	b.click(`main a[href="/profile"]`)
	b.at("/profile")
	b.until("document.querySelector('main').innerText.includes('Facilities')")
	b.shoot("no-mailbox-profile")
}
