package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// A browser keeps cookies and goes where it is sent, one step at a time.
type browser struct {
	ms  *microsoft
	jar http.CookieJar
	at  *instance // takes what is for Daybook
}

// newBrowser returns a browser without cookies, in front of an instance.
func (ms *microsoft) newBrowser(at *instance) *browser {
	jar, _ := cookiejar.New(nil) // fails never
	return &browser{ms, jar, at}
}

// on is the same browser in front of another instance.
func (b *browser) on(at *instance) *browser { return &browser{b.ms, b.jar, at} }

// An answer is what came of one request; err is set when nothing came.
type answer struct {
	status int
	header http.Header
	to     string // Location, without Daybook's own address
	body   string
	err    error
}

// String says what a test's reader needs: not the page, but its title.
func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	_, title, _ := strings.Cut(a.body, "<title>")
	title, _, _ = strings.Cut(title, "</title>")
	return fmt.Sprintf("%d %q to %q, cookies %q", a.status, title, a.to, a.header["Set-Cookie"])
}

var toInstances = func() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true // so that no connection is to an instance that has gone
	t.DisableCompression = true
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, ctx.Value(dialKey{}).(string))
	}
	return t
}()

type dialKey struct{}

// send sends a request as a browser does when a person clicks, and keeps the
// cookies of the answer. Redirects are not followed.
func (b *browser) send(ctx context.Context, method, target string, form url.Values, header ...string) answer {
	u, err := url.Parse(baseURL)
	if err == nil {
		u, err = u.Parse(target)
	}
	if err != nil {
		return answer{err: err}
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return answer{err: err}
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = []string{header[i+1]}
	}
	if r.Header.Get("Cookie") == "" && b.jar != nil {
		for _, c := range b.jar.Cookies(u) {
			r.AddCookie(c)
		}
	}
	var via http.RoundTripper = toInstances
	if u.Scheme == "https" {
		via = b.ms.server.Client().Transport
	} else {
		r = r.WithContext(context.WithValue(ctx, dialKey{}, b.at.address))
	}
	res, err := via.RoundTrip(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if b.jar != nil {
		b.jar.SetCookies(u, res.Cookies())
	}
	return answer{res.StatusCode, res.Header, strings.TrimPrefix(res.Header.Get("Location"), baseURL), string(text), err}
}

func (b *browser) get(target string, header ...string) answer {
	return b.patiently(context.Background(), "session store", target, header...)
}

// patiently asks again when an answer says that the machine is too busy for
// Daybook's time-outs, which is no news about what is tested here. What can be
// asked for once is not asked for again.
func (b *browser) patiently(ctx context.Context, excuse, target string, header ...string) answer {
	for tries := 0; ; tries++ {
		a := b.send(ctx, http.MethodGet, target, nil, header...)
		if a.status != http.StatusServiceUnavailable || strings.HasPrefix(target, "/auth/") || tries == 5 ||
			!strings.Contains(a.body, excuse) {
			return a
		}
		time.Sleep(2 * time.Second)
	}
}

func (b *browser) post(target string, form url.Values) answer {
	return b.send(context.Background(), http.MethodPost, target, form)
}

// begin starts a sign-in and returns where at Microsoft it leads.
func (b *browser) begin(t testing.TB, returnTo string) (authorize string) {
	t.Helper()
	a := b.get("/auth/login?return_to=" + url.QueryEscape(returnTo))
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, b.ms.server.URL) {
		t.Fatalf("begin sign-in: %v", a)
	}
	return a.to
}

// choose is p at Microsoft, who picks their account and agrees to what is
// asked; it returns the way back to Daybook.
func (b *browser) choose(t testing.TB, authorize string, p *simulator.Person) (callback string) {
	t.Helper()
	a := b.get(authorize)
	if a.status == http.StatusOK {
		a = b.post(authorize, url.Values{"account": {p.TenantID + "." + p.ObjectID}})
	}
	if a.status == http.StatusOK {
		a = b.post(authorize, url.Values{"account": {p.TenantID + "." + p.ObjectID}, "action": {"accept"}})
	}
	if !strings.HasPrefix(a.to, "/auth/callback?") {
		t.Fatalf("at Microsoft: %v", a)
	}
	return a.to
}

// signIn signs p in and returns the address by which p came back.
func (b *browser) signIn(t testing.TB, p *simulator.Person, returnTo string) (callback string) {
	t.Helper()
	callback = b.choose(t, b.begin(t, returnTo), p)
	a := b.get(callback)
	for tries := 0; a.status == http.StatusServiceUnavailable && tries < 5; tries++ { // a busy machine
		callback = b.choose(t, b.begin(t, returnTo), p)
		a = b.get(callback)
	}
	if a.status != http.StatusSeeOther || a.to != returnTo || b.session() == "" {
		t.Fatalf("sign-in of %s: %v\n%s", p.Name, a, b.at.log)
	}
	return callback
}

// session returns the value of Daybook's session cookie.
func (b *browser) session() string {
	u, _ := url.Parse(baseURL)
	for _, c := range b.jar.Cookies(u) {
		if c.Name == "daybook" {
			return c.Value
		}
	}
	return ""
}

// setsSession reports whether an answer sets the session cookie to a value.
func (a answer) setsSession() bool {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == "daybook" && c.Value != "" {
			return true
		}
	}
	return false
}

// shows reports whether an answer is a page of p and of nobody else.
func (a answer) shows(p *simulator.Person) bool {
	return a.status == http.StatusOK && strings.Contains(a.body, p.Name) &&
		strings.Count(a.body, " Testing") == strings.Count(a.body, p.Name)
}

// anonymous reports whether an answer sends a person to sign in.
func (a answer) anonymous() bool {
	return a.status == http.StatusSeeOther && strings.HasPrefix(a.to, "/auth/login?")
}

// together sends n requests at once, over the instances in turns, and returns
// their answers. sent, if given, is called when all have been written.
func (b *browser) together(n int, target string, at []*instance, sent func(), header ...string) []answer {
	answers := make([]answer, n)
	var written, done sync.WaitGroup
	written.Add(n)
	for i := range n {
		done.Go(func() {
			once := sync.OnceFunc(written.Done)
			defer once() // also when nothing could be written
			ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { once() }})
			at := b.on(at[i%len(at)])
			if answers[i] = at.patiently(ctx, "session store", target, header...); strings.Contains(answers[i].body, "slow down") {
				// Two instances may ask for more at once than Exchange gives a mailbox.
				answers[i] = at.patiently(ctx, "slow down", target, header...)
			}
		})
	}
	written.Wait()
	if sent != nil {
		sent()
	}
	done.Wait()
	return answers
}

// within fails the test when what does not happen soon.
func within(t testing.TB, what string, happens <-chan struct{}) {
	t.Helper()
	select {
	case <-happens:
	case <-time.After(30 * time.Second):
		t.Fatalf("does not happen: %s", what)
	}
}
