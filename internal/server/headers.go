package server

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// site is what never changes while the server runs: where it is and which
// headers follow from that.
type site struct {
	base  *url.URL
	https bool
	// cookiePrefix makes browsers refuse our cookies from other hosts and over
	// plain http (RFC 6265bis section 4.1.3).
	cookiePrefix string
	proxies      []netip.Prefix
	headers      map[string]string
}

// permissions asks browsers for nothing of what they may ask people for, but to
// copy a meeting's link. It is OWASP's list without interest-cohort and web-share,
// of which browsers that do not know them complain.
const permissions = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(self), cross-origin-isolated=(), display-capture=(), " +
	"encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), keyboard-map=(), magnetometer=(), " +
	"microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), sync-xhr=(), " +
	"unload=(), usb=(), xr-spatial-tracking=()"

// newSite computes the headers that every answer carries (OWASP Secure
// Headers; ASVS 5.0 V3.4). formAction is Microsoft's origin: browsers apply
// form-action to the redirect that follows the sign-out form.
func newSite(base *url.URL, proxies []netip.Prefix, formAction string) site {
	s := site{base: base, https: base.Scheme == "https", proxies: proxies}
	s.headers = map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
			"connect-src 'self'; manifest-src 'self'; form-action " + strings.TrimSpace("'self' "+formAction) + "; base-uri 'none'; " +
			"object-src 'none'; frame-ancestors 'none'",
		"Cache-Control":                     "no-store",
		"Cross-Origin-Embedder-Policy":      "require-corp",
		"Cross-Origin-Opener-Policy":        "same-origin",
		"Cross-Origin-Resource-Policy":      "same-origin",
		"Permissions-Policy":                permissions,
		"Referrer-Policy":                   "no-referrer",
		"X-Content-Type-Options":            "nosniff",
		"X-Dns-Prefetch-Control":            "off",
		"X-Frame-Options":                   "DENY",
		"X-Permitted-Cross-Domain-Policies": "none",
	}
	if s.https {
		s.cookiePrefix = "__Host-"
		s.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
	}
	return s
}

// secure sets the site's headers before anything else can write an answer.
func (s *Server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range s.site.headers {
			w.Header().Set(name, value)
		}
		// What a browser may keep is for who was signed in then, and no other.
		w.Header().Add("Vary", "Cookie")
		next.ServeHTTP(w, r)
	})
}

// Limits of a request; net/http's own limit on headers is set by cmd.
const (
	maxBody = 64 << 10
	maxURL  = 8 << 10
	// maxCookies is how many cookies net/http reads. Of more it reads none: who
	// is signed in would seem signed out, and a sign-out would end nothing.
	maxCookies = 3000
)

func (s *Server) limitRequest(next http.Handler) http.Handler {
	tooLong := s.page(func(http.ResponseWriter, *http.Request) error {
		return problem{Status: http.StatusRequestURITooLong, Title: "This address is too long."}
	})
	tooMany := s.page(func(http.ResponseWriter, *http.Request) error {
		return problem{Status: http.StatusRequestHeaderFieldsTooLarge, Title: "This browser has too many cookies for this site.",
			Text: "Please delete them and sign in again."}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch cookies := r.Header["Cookie"]; {
		case len(r.RequestURI) > maxURL:
			tooLong.ServeHTTP(w, r)
			return
		case len(cookies)+strings.Count(strings.Join(cookies, ""), ";") > maxCookies:
			tooMany.ServeHTTP(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// bare takes the site's headers off again: the simulator stands for another
// site and sends its own.
func (s *Server) bare(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range s.site.headers {
			w.Header().Del(name)
		}
		w.Header().Del("Vary")
		next.ServeHTTP(w, r)
	})
}

// client returns the address a request came from. X-Forwarded-For is believed
// only as far as trusted proxies wrote it: from the right, the first address
// that is not a trusted proxy (RFC 7239 section 7 says why).
func (s site) client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(addr); i-- {
		hop := strings.TrimSpace(hops[i])
		next, err := netip.ParseAddr(hop)
		if withPort, e := netip.ParseAddrPort(hop); e == nil { // as Azure's Application Gateway writes it
			next, err = withPort.Addr(), nil
		}
		if err != nil {
			break
		}
		addr = next.Unmap()
	}
	return addr
}

// headerHas reports whether a comma-separated header holds token, in any case.
func headerHas(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

func (s site) trusts(addr netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
