package server

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"daybook/web"

	"github.com/jba/templatecheck"
)

// pageData says what each file of web/templates/pages is rendered with.
var pageData = map[string]any{
	"calendar":   calendarPage{},
	"error":      errorPage{},
	"event":      eventPage{},
	"front":      frontPage{},
	"profile":    profilePage{},
	"search":     searchPage{},
	"sessions":   sessionsPage{},
	"settings":   settingsPage{},
	"signed-out": signedOutPage{},
}

// Templates name only fields and methods that their data has, also in branches
// that no other test reaches.
func TestTemplatesFitTheirData(t *testing.T) {
	t.Parallel()
	for _, wrong := range wrongTemplates(t, web.Files, pageData) {
		t.Error(wrong)
	}
}

// Every mistake that the test above is there for is found.
func TestTemplatesFitTheirDataFinds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, page, add, want string
	}{
		{"a field that is not there", "front", `{{.Nope}}`, "Nope"},
		{"one in a branch", "front", `{{with .ReturnTo}}{{if eq . "x"}}{{$.Nope}}{{end}}{{end}}`, "Nope"},
		{"one of a list's items", "profile", `{{range .Facts}}{{.Nope}}{{end}}`, "Nope"},
		{"one in a partial", "front", `{{template "missing" .}}`, "Missing"},
		{"a wrong argument", "front", `{{.T 7}}`, "string"},
		{"a page without data", "novel", `{{define "main"}}{{end}}`, "novel"},
	} {
		changed := copyOf(t, web.Files)
		name := "templates/pages/" + test.page + ".html"
		text := test.add
		if old, found := changed[name]; found {
			text = strings.Replace(string(old.Data), `{{define "main"}}`, `{{define "main"}}`+test.add, 1)
		}
		changed[name] = &fstest.MapFile{Data: []byte(text)}
		wrong := wrongTemplates(t, changed, pageData)
		if len(wrong) != 1 || !strings.Contains(wrong[0], test.page) || !strings.Contains(wrong[0], test.want) {
			t.Errorf("%s: found %q, want one complaint about %s in %s", test.name, wrong, test.want, test.page)
		}
	}
	data := maps.Clone(pageData)
	data["gone"] = frontPage{}
	if wrong := wrongTemplates(t, web.Files, data); len(wrong) != 1 || !strings.Contains(wrong[0], "gone") {
		t.Errorf("data without a page: found %q", wrong)
	}
}

// wrongTemplates says which pages do not fit their data.
func wrongTemplates(t *testing.T, files fs.FS, data map[string]any) []string {
	t.Helper()
	p, err := newPages(files)
	if err != nil {
		t.Fatal(err)
	}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(p.byName)) {
		if data[name] == nil {
			wrong = append(wrong, name+": no test says what it is rendered with")
			continue
		}
		if err := templatecheck.CheckHTML(p.byName[name], data[name]); err != nil {
			wrong = append(wrong, name+": "+err.Error())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if p.byName[name] == nil {
			wrong = append(wrong, name+": no such page")
		}
	}
	return wrong
}

func copyOf(t *testing.T, files fs.FS) fstest.MapFS {
	t.Helper()
	changed := fstest.MapFS{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		changed[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}
