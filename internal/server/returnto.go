package server

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// maxReturnTo bounds what is carried through a sign-in.
const maxReturnTo = 512

// pageOf returns the address of the page that a person asked for with r, to
// come back to after a sign-in.
func pageOf(r *http.Request) string {
	return localPath(cmp.Or(visitOf(r).page, r.URL.RequestURI()), "/calendar")
}

// localPath returns to if it is a path of this site that a browser will take
// as one, and fallback otherwise. It admits little: one leading slash followed
// by no second slash or backslash, no control characters, no scheme, no host;
// and nothing below /auth/, which would loop.
func localPath(to, fallback string) string {
	if len(to) == 0 || len(to) > maxReturnTo || to[0] != '/' {
		return fallback
	}
	for _, c := range to {
		// Browsers drop tabs and newlines and read a backslash as a slash
		// (WHATWG URL, "basic URL parser").
		if c < 0x20 || c == 0x7f || c == '\\' || c == 0xfffd {
			return fallback
		}
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return fallback
	}
	if strings.HasPrefix(to, "//") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return fallback
	}
	for _, c := range u.Path {
		if c < 0x20 || c == 0x7f {
			return fallback
		}
	}
	// Browsers resolve dots in paths, %2e as well; no path of ours has any.
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return fallback
		}
	}
	if u.Path == "/auth" || strings.HasPrefix(u.Path, "/auth/") || strings.HasPrefix(u.Path, "/simulator") {
		return fallback
	}
	u.Fragment = ""
	if to = u.String(); len(to) > maxReturnTo { // what it escapes grows
		return fallback
	}
	return to
}
