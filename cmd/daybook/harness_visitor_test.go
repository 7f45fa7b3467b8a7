package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"daybook/internal/simulator"

	"github.com/PuerkitoBio/goquery"
)

// A visitor is a browser that keeps cookies and checks every page for secrets.
type visitor struct {
	m      *stage
	base   string
	client *http.Client
	fresh  bool // asks as a browser's reload does
	extra  http.Header
	ctx    context.Context // nil: asks until it gets an answer
}

func (m *stage) visitor() *visitor { return m.visitorAt(m.base) }

func (m *stage) visitorAt(base string) *visitor {
	jar, _ := cookiejar.New(nil) // never fails
	return &visitor{m: m, base: base, client: m.client(jar, "")}
}

// client returns a client that goes to addr, if there is one, for whatever is
// not Microsoft's.
func (m *stage) client(jar http.CookieJar, addr string) *http.Client {
	site := m.server.Client().Transport.(*http.Transport).Clone()
	site.DisableKeepAlives = true // each request meets the server as it is now
	site.DisableCompression = true
	if addr != "" {
		site.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	}
	return &http.Client{Jar: jar, Transport: roads{m, site}, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// roads are the ways from a browser to Microsoft and to the site.
type roads struct {
	m    *stage
	site http.RoundTripper
}

func (r roads) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Host == r.m.server.Listener.Addr().String() {
		return r.m.server.Client().Transport.RoundTrip(request)
	}
	return r.site.RoundTrip(request)
}

// on is the same browser in front of the instance at addr, whatever the
// site's own address is.
func (b *visitor) on(addr string) *visitor {
	other := *b
	other.client = b.m.client(b.client.Jar, addr)
	return &other
}

// holding returns another browser in front of the instance at addr that has
// the session's cookie and nothing else.
func (m *stage) holding(cookie, addr string) *visitor {
	b := m.visitor().on(addr)
	b.plant(cookie)
	return b
}

// A reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	took   time.Duration
	url    *url.URL
	to     string // Location, on the site without its own address
}

func (r reply) String() string {
	text := fmt.Sprintf("%d in %v", r.status, r.took.Round(time.Millisecond))
	if after := r.header.Get("Retry-After"); r.to != "" {
		text += fmt.Sprintf(", to %.70q", r.to)
	} else if after != "" {
		text += ", come again in " + after + " s"
	}
	if _, title, found := strings.Cut(r.body, "<title>"); found && r.status >= 400 {
		title, _, _ = strings.Cut(title, "</title>")
		text += fmt.Sprintf(", %.60q", title)
	}
	return text
}

// setsSession reports whether a reply sets the session's cookie to a value.
func (r reply) setsSession() bool {
	return slices.ContainsFunc((&http.Response{Header: r.header}).Cookies(), func(c *http.Cookie) bool { return isSession(c) && c.Value != "" })
}

func isSession(c *http.Cookie) bool { return c.Name == "daybook" || c.Name == "__Host-daybook" }

// shows reports whether a reply is a page of p, whom [person] made, and of
// nobody else.
func (r reply) shows(p *simulator.Person) bool {
	return r.status == http.StatusOK && strings.Contains(r.body, p.Name) &&
		strings.Count(r.body, " Testing") == strings.Count(r.body, p.Name)
}

// anonymous reports whether a reply sends a person to sign in.
func (r reply) anonymous() bool {
	return r.status == http.StatusSeeOther && strings.HasPrefix(r.to, "/auth/login?")
}

// send makes one request and follows no redirect.
func (b *visitor) send(method, target string, form url.Values) (reply, error) {
	if strings.HasPrefix(target, "/") {
		target = b.base + target
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	request, err := http.NewRequestWithContext(cmp.Or(b.ctx, context.Background()), method, target, body)
	if err != nil {
		return reply{}, err
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.fresh {
		request.Header.Set("Cache-Control", "no-cache")
	}
	maps.Copy(request.Header, b.extra)
	began := time.Now()
	answer, err := b.client.Do(request)
	if err != nil {
		return reply{took: time.Since(began)}, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	r := reply{status: answer.StatusCode, header: answer.Header, body: string(content), took: time.Since(began), url: request.URL}
	r.to = strings.TrimPrefix(answer.Header.Get("Location"), b.base)
	for _, cookie := range answer.Cookies() {
		b.m.secret("cookie "+cookie.Name, cookie.Value)
	}
	if strings.HasPrefix(target, b.base) {
		if what := b.m.leak(r.body); what != "" {
			b.m.t.Errorf("%s %s: the page holds a secret: %s", method, target, what)
		}
	}
	return r, err
}

func (b *visitor) must(method, target string, form url.Values) reply {
	b.m.t.Helper()
	r, err := b.send(method, target, form)
	if err != nil {
		b.m.t.Fatalf("%s %s: %v", method, target, err)
	}
	return r
}

func (b *visitor) get(target string) reply {
	b.m.t.Helper()
	return b.must(http.MethodGet, target, nil)
}

// reload gets what the browser has, as the person's reload does.
func (b *visitor) reload(target string) reply {
	b.m.t.Helper()
	again := *b
	again.fresh = true
	return again.get(target)
}

// signOut is the answer to the press of the button.
func (b *visitor) signOut() reply {
	b.m.t.Helper()
	return b.must(http.MethodPost, "/auth/logout", url.Values{})
}

// begun asks for a page and returns at once; the channel gives the answer, or
// is closed without one if there is none.
func (b *visitor) begun(target string) <-chan reply {
	came := make(chan reply, 1)
	go func() {
		defer close(came)
		if r, err := b.send(http.MethodGet, target, nil); err == nil {
			came <- r
		}
	}()
	return came
}

// together sends n requests at once, over the instances in turns, and returns
// their answers. sent, if given, is called when all have been written.
func (b *visitor) together(n int, target string, addrs []string, sent func()) []reply {
	b.m.t.Helper()
	replies := make([]reply, n)
	var written, done sync.WaitGroup
	written.Add(n)
	for i := range n {
		one := b.on(addrs[i%len(addrs)])
		done.Go(func() {
			once := sync.OnceFunc(written.Done)
			defer once() // also when nothing could be written
			one.ctx = httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { once() }})
			var err error
			if replies[i], err = one.send(http.MethodGet, target, nil); err != nil {
				b.m.t.Errorf("GET %s: %v", target, err)
			}
		})
	}
	written.Wait()
	if sent != nil {
		sent()
	}
	done.Wait()
	return replies
}

// follow goes where a reply leads until there is nothing more to follow.
func (b *visitor) follow(r reply) reply {
	b.m.t.Helper()
	for range 10 {
		to := r.header.Get("Location")
		if to == "" || r.status < 300 || r.status > 399 {
			return r
		}
		next, err := r.url.Parse(to)
		if err != nil {
			b.m.t.Fatal(err)
		}
		r = b.get(next.String())
	}
	b.m.t.Fatalf("redirected more than ten times, at last to %s", r.url)
	return r
}

// begin starts to sign in and returns Microsoft's page.
func (b *visitor) begin() reply {
	b.m.t.Helper()
	return b.follow(b.get("/auth/login?return_to=/calendar"))
}

// choose lets Microsoft send the browser back to Daybook as p; the reply is
// the redirect to the callback.
func (b *visitor) choose(page reply, p *simulator.Person) reply {
	b.m.t.Helper()
	document, err := goquery.NewDocumentFromReader(strings.NewReader(page.body))
	if err != nil {
		b.m.t.Fatal(err)
	}
	account, found := document.Find(`button[data-username="` + p.Username + `"]`).Attr("value")
	if !found {
		b.m.t.Fatalf("no account picker at %s: %d %s", page.url, page.status, tail(page.body, 500))
	}
	return b.must(http.MethodPost, page.url.String(), url.Values{"account": {account}})
}

// signIn signs p in, whom Microsoft may still know in this browser, and returns
// what the person sees then.
func (b *visitor) signIn(p *simulator.Person) reply {
	b.m.t.Helper()
	page := b.begin()
	if strings.HasPrefix(page.url.String(), b.base) && !strings.HasPrefix(page.url.Path, "/simulator/") {
		return page
	}
	return b.follow(b.choose(page, p))
}

// signedIn returns a new browser in which p is signed in.
func (m *stage) signedIn(p *simulator.Person) *visitor {
	m.t.Helper()
	b := m.visitor()
	if r := b.signIn(p); r.status != http.StatusOK || !strings.HasPrefix(r.url.Path, "/calendar/") {
		m.t.Fatalf("sign-in of %s ended at %s: %v\n%s", p.Name, r.url, r, tail(r.body, 1500))
	}
	return b
}

// entered is signedIn only as far as the cookie: no page has been looked at yet,
// for which something might still be under way.
func (m *stage) entered(p *simulator.Person) *visitor {
	m.t.Helper()
	b := m.visitor()
	b.must(http.MethodGet, b.choose(b.begin(), p).header.Get("Location"), nil)
	if b.cookie() == "" {
		m.t.Fatalf("sign-in of %s set no cookie", p.Name)
	}
	return b
}

// throughCallback signs p in and returns the callback's own answer.
func (b *visitor) throughCallback(p *simulator.Person) reply {
	b.m.t.Helper()
	return b.get(b.choose(b.begin(), p).header.Get("Location"))
}

// leave starts a sign-in that shall end at a page of the site and returns
// where at Microsoft it leads.
func (b *visitor) leave(returnTo string) (authorize string) {
	b.m.t.Helper()
	r := b.get("/auth/login?return_to=" + url.QueryEscape(returnTo))
	if r.status != http.StatusSeeOther || !strings.HasPrefix(r.to, b.m.server.URL) {
		b.m.t.Fatalf("begin of a sign-in: %v", r)
	}
	return r.to
}

// asPerson is p at Microsoft, who picks their account unless they are known
// there already; it returns the way back to the site.
func (b *visitor) asPerson(p *simulator.Person, authorize string) (callback string) {
	b.m.t.Helper()
	r := b.get(authorize)
	if r.status == http.StatusOK {
		r = b.pick(p, authorize)
	}
	if !strings.HasPrefix(r.to, "/auth/callback?") {
		b.m.t.Fatalf("at Microsoft: %v", r)
	}
	return r.to
}

// pick is p at Microsoft, who picks their account.
func (b *visitor) pick(p *simulator.Person, authorize string) reply {
	b.m.t.Helper()
	return b.must(http.MethodPost, authorize, url.Values{"account": {p.TenantID + "." + p.ObjectID}})
}

// enter signs p in without looking at the page, and returns the address by
// which p came back.
func (b *visitor) enter(p *simulator.Person, returnTo string) (callback string) {
	b.m.t.Helper()
	callback = b.asPerson(p, b.leave(returnTo))
	if r := b.get(callback); r.status != http.StatusSeeOther || r.to != returnTo || b.cookie() == "" {
		b.m.t.Fatalf("sign-in of %s: %v", p.Name, r)
	}
	return callback
}

// cookies are those that the browser would send to the site.
func (b *visitor) cookies() []*http.Cookie { return b.client.Jar.Cookies(b.site()) }

func (b *visitor) site() *url.URL {
	at, err := url.Parse(b.base)
	if err != nil {
		b.m.t.Fatal(err)
	}
	return at
}

// cookie returns the value of the session's cookie, or nothing.
func (b *visitor) cookie() string {
	cookies := b.cookies()
	i := slices.IndexFunc(cookies, isSession)
	if i < 0 {
		return ""
	}
	return cookies[i].Value
}

// plant gives the browser a session's cookie.
func (b *visitor) plant(value string) {
	b.client.Jar.SetCookies(b.site(), []*http.Cookie{{Name: "daybook", Value: value, Path: "/"}})
}

// with returns the same browser sending one more header with each request.
func (b *visitor) with(name, value string) *visitor {
	more := *b
	more.extra = b.extra.Clone()
	if more.extra == nil {
		more.extra = http.Header{}
	}
	more.extra.Set(name, value)
	return &more
}
