package simulator

import (
	"net/http"
	"slices"
	"time"
)

// A browser is what Entra remembers of one browser: who is signed in there.
type browser struct {
	sessions []*session
}

// A session is one person's single sign-on in one browser. It never changes: a
// newer one takes its place.
type session struct {
	person   *Person
	sid      string
	authTime time.Time
}

// cookieName is the single sign-on cookie's; Microsoft's is ESTSAUTH.
const cookieName = "simulated-estsauth"

// browser returns the browser of a request, nil when it is not known; e.mu is
// held.
func (s *Simulator) browser(r *http.Request) *browser {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	b, expired, found := s.entra.browsers.find(s.now(), cookie.Value)
	if !found || expired {
		return nil
	}
	return b
}

// sessions returns who is signed in to the request's browser, of those that
// the tenant admits.
func (s *Simulator) sessions(r *http.Request, t tenant) []*session {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	b := s.browser(r)
	if b == nil {
		return nil
	}
	var list []*session
	for _, one := range b.sessions {
		if t.admits(one.person) {
			list = append(list, one)
		}
	}
	return list
}

// signIn starts a single sign-on session, or renews the one there is. The
// cookie is limited to the simulator's own path.
func (s *Simulator) signIn(w http.ResponseWriter, r *http.Request, p *Person) *session {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	b := s.browser(r)
	if b == nil {
		b = &browser{}
		id := random(32)
		s.entra.browsers.put(s.now(), id, b, browserLife)
		http.SetCookie(w, s.cookie(id))
	}
	for i, one := range b.sessions {
		if one.person == p {
			b.sessions[i] = &session{person: p, sid: one.sid, authTime: s.now()}
			return b.sessions[i]
		}
	}
	one := &session{person: p, sid: guid(), authTime: s.now()}
	b.sessions = append(b.sessions, one)
	return one
}

func (s *Simulator) cookie(value string) *http.Cookie {
	c := &http.Cookie{
		Name: cookieName, Value: value, Path: s.public.Path + "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if s.public.Scheme == "https" {
		// As Microsoft's own: sign-out and silent sign-in also happen in frames.
		c.Secure, c.SameSite = true, http.SameSiteNoneMode
	}
	return c
}

// signOut ends one session of a browser and its cookie with the last one.
func (s *Simulator) signOut(w http.ResponseWriter, r *http.Request, ended *session) {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	b := s.browser(r)
	if b == nil {
		return
	}
	b.sessions = slices.DeleteFunc(b.sessions, func(one *session) bool { return one.sid == ended.sid })
	if len(b.sessions) > 0 {
		return
	}
	if cookie, err := r.Cookie(cookieName); err == nil {
		s.entra.browsers.remove(cookie.Value)
	}
	gone := s.cookie("")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
}

// endBrowserSessions ends a person's sessions in all browsers; e.mu is held.
func (e *entra) endBrowserSessions(p *Person) {
	for _, item := range e.browsers.items {
		b := item.value
		b.sessions = slices.DeleteFunc(b.sessions, func(one *session) bool { return one.person == p })
	}
}
