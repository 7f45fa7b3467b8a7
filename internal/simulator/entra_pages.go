package simulator

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

//go:embed pages
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages/*.html"))

// page is what every page shows.
type page struct {
	Title  string
	Action string // where the form posts to
	Style  string
	People []choice
	Cancel bool // whether there is a way back to the app
	Person *Person
	Text   any
}

type choice struct {
	*Person
	Key      string
	Chosen   bool // named by the login hint
	SignedIn bool
}

// Initials returns up to two letters for the round picture.
func (c choice) Initials() string {
	var initials []rune
	words := strings.Fields(c.Name)
	for i, word := range words {
		if i == 0 || i == len(words)-1 {
			initials = append(initials, []rune(word)[0])
		}
	}
	return string(initials)
}

// show renders a page under a policy that allows its style sheet, forms that
// lead to the app, and the app's front-channel logout in a frame.
func (s *Simulator) show(w http.ResponseWriter, status int, name string, p page) {
	p.Style = s.public.Path + "/static/simulator.css"
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name, p); err != nil {
		panic(err) // every page is rendered in a test
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"+
		// Chromium applies form-action to where the answer redirects, too.
		"; form-action 'self'"+origins(s.options.App.RedirectURIs...)+
		"; frame-src 'self'"+origins(s.options.App.LogoutURL))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// origins returns the origins of the URLs, each once, as a policy lists them.
func origins(urls ...string) string {
	var list []string
	for _, raw := range urls {
		if u, err := url.Parse(raw); err == nil && u.Host != "" {
			list = append(list, " "+u.Scheme+"://"+u.Host)
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), "")
}

// self returns the address of the page, for its form.
func (s *Simulator) self(r *http.Request) string {
	return s.public.Path + r.URL.EscapedPath() + "?" + r.URL.RawQuery
}

func (s *Simulator) showPicker(w http.ResponseWriter, r *http.Request, a authorization) {
	sessions := s.sessions(r, a.tenant)
	p := page{Title: "Pick an account", Action: s.self(r), Cancel: true}
	for _, person := range s.options.People {
		if a.tenant.admits(person) {
			p.People = append(p.People, choice{
				Person: person, Key: person.key(), Chosen: hinted(a.hint, person),
				SignedIn: slices.ContainsFunc(sessions, func(one *session) bool { return one.person == person }),
			})
		}
	}
	s.show(w, http.StatusOK, "picker.html", p)
}

func (s *Simulator) showConsent(w http.ResponseWriter, r *http.Request, a authorization, person *Person) {
	p := page{Title: "Permissions requested", Action: s.self(r), Person: person}
	var sentences []string
	for _, name := range a.scopes.graph {
		sentences = append(sentences, permissions[name])
	}
	if slices.Contains(a.scopes.oidc, "offline_access") {
		sentences = append(sentences, "Maintain access to data you have given it access to")
	}
	p.Text = sentences
	if s.adminNeeded(a) {
		p.Title = "Need admin approval"
		s.show(w, http.StatusOK, "admin.html", p)
		return
	}
	s.show(w, http.StatusOK, "consent.html", p)
}

func (s *Simulator) showLogoutPicker(w http.ResponseWriter, r *http.Request, sessions []*session) {
	p := page{Title: "Pick an account to sign out", Action: s.self(r)}
	for _, one := range sessions {
		p.People = append(p.People, choice{Person: one.person, Key: one.person.key(), SignedIn: true})
	}
	s.show(w, http.StatusOK, "picker.html", p)
}

func (s *Simulator) showSignedOut(w http.ResponseWriter, frame, back string) {
	p := page{Title: "You signed out of your account"}
	p.Text = struct{ Frame, Back string }{frame, back}
	if back != "" {
		// Long enough for the frame to be asked for, also without JavaScript.
		w.Header().Set("Refresh", "1; url="+back)
	}
	s.show(w, http.StatusOK, "signedout.html", p)
}

func (s *Simulator) showFormPost(w http.ResponseWriter, redirect string, v url.Values) {
	s.show(w, http.StatusOK, "formpost.html", page{Title: "Continue to the application", Action: redirect, Text: v})
}

func (s *Simulator) showError(w http.ResponseWriter, e OAuthError) {
	text := struct {
		Number int
		Text   string
	}{e.AADSTS, problems[e.AADSTS].text}
	s.show(w, http.StatusBadRequest, "error.html", page{Title: "Sorry, but we’re having trouble signing you in", Text: text})
}

// explain is the page that error_uri leads to.
func (s *Simulator) explain(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.URL.Query().Get("code"))
	if _, known := problems[number]; err != nil || !known {
		http.NotFound(w, r)
		return
	}
	s.showError(w, aadsts(number))
}

func stylesheet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, files, "pages/simulator.css")
}
