package server

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"daybook/internal/identity"
	"daybook/internal/locale"
)

// A handler answers a request or returns the error that becomes its page.
type handler func(w http.ResponseWriter, r *http.Request) error

// page adapts a handler to net/http.
func (s *Server) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// layout is what base.html shows around every page. Page structs embed it;
// through it templates say {{.T "English text"}}.
type layout struct {
	*locale.Locale
	Title   string            // already translated
	Account *identity.Account // nil when nobody is signed in
	Section string            // the entry of the navigation that is current
	Theme   string            // light, dark or empty for the system's
	Keys    bool              // keyboard shortcuts are on
	Demo    bool              // the pretend Microsoft is running
}

// SearchPath is where the navigation's search is.
func (layout) SearchPath() string { return ask{}.searchPath("") }

// Initials stand where a photo would.
func (l layout) Initials() string {
	if l.Account == nil {
		return ""
	}
	words := strings.FieldsFunc(l.Account.Name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
	var initials string
	for i, w := range words {
		if i == 0 || i == len(words)-1 {
			first, _ := utf8.DecodeRuneInString(w)
			initials += string(unicode.ToUpper(first))
		}
	}
	return initials
}

// pages renders templates and serves static files.
type pages struct {
	*assets
	byName map[string]*template.Template
}

// newPages parses every file of templates/pages, each with base.html and all
// partials, and fails on the first that is broken.
func newPages(web fs.FS) (*pages, error) {
	a, err := newAssets(web)
	if err != nil {
		return nil, err
	}
	base, err := template.New("base.html").Funcs(template.FuncMap{"asset": a.path}).ParseFS(web, "templates/base.html", "templates/partials/*.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(web, "templates/pages/*.html")
	if err != nil {
		return nil, err
	}
	p := &pages{assets: a, byName: make(map[string]*template.Template)}
	for _, file := range files {
		t, err := template.Must(base.Clone()).ParseFS(web, file)
		if err != nil {
			return nil, err
		}
		p.byName[strings.TrimSuffix(path.Base(file), ".html")] = t
	}
	return p, nil
}

// buffers are those of pages already written: grown to the size of a page.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// render writes page name with data as an answer of the given status. Nothing
// is written before the whole page stands in memory, so that an error in a
// template becomes an error page and not half a page.
func (p *pages) render(w http.ResponseWriter, status int, name string, data any) error {
	t, found := p.byName[name]
	if !found {
		return fmt.Errorf("no page %q", name)
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := t.Execute(buf, data); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// An error here means that the browser has gone away.
	_, _ = buf.WriteTo(w)
	return nil
}
