package main

import (
	"cmp"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// arrows says which packages of ours a package may import: the drawing in
// README.md. A package that is not listed may not exist.
var arrows = map[string][]string{
	"cmd/daybook":        {"internal/calendar", "internal/config", "internal/graph", "internal/identity", "internal/locale", "internal/server", "internal/session", "internal/simulator", "web"},
	"internal/server":    {"internal/calendar", "internal/graph", "internal/identity", "internal/locale", "internal/session"},
	"internal/session":   {"internal/identity"},
	"internal/graph":     {"internal/calendar"},
	"internal/identity":  nil,
	"internal/calendar":  nil,
	"internal/config":    nil,
	"internal/locale":    nil,
	"internal/simulator": nil,
	"web":                nil,
}

// fences says who alone may import a module, by the prefix of its path.
var fences = map[string][]string{
	"github.com/AzureAD/":            {"internal/identity"},
	"github.com/coreos/go-oidc/":     {"internal/identity"},
	"github.com/alexedwards/scs/":    {"internal/session"},
	"github.com/gomodule/redigo/":    {"internal/session"},
	"github.com/caarlos0/env/":       {"internal/config"},
	"github.com/joho/godotenv":       {"internal/config"},
	"github.com/microcosm-cc/":       {"internal/server"},
	"go.opentelemetry.io/otel/sdk":   {"cmd/daybook"},
	"go.opentelemetry.io/otel/expor": {"cmd/daybook"},
	// What was secure once. The simulator names certificates as Entra does, and
	// pauses have nothing to guess.
	"crypto/des":  nil,
	"crypto/md5":  nil,
	"crypto/rc4":  nil,
	"crypto/sha1": {"internal/simulator"},
	"math/rand":   {"internal/graph", "internal/session"},
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, wrong := range wrongImports(t, os.DirFS("../..")) {
		t.Error(wrong)
	}
}

// The test above could pass because it looks at nothing: these sources break
// each rule once.
func TestImportsFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	source := func(imports ...string) *fstest.MapFile {
		text := "package p\n"
		for _, i := range imports {
			text += fmt.Sprintf("import _ %q\n", i)
		}
		return &fstest.MapFile{Data: []byte(text)}
	}
	tree := fstest.MapFS{
		"cmd/daybook/main.go":             source("daybook/web", "daybook/internal/config"),
		"internal/calendar/x.go":          source("daybook/internal/graph", "time", "crypto/md5"),
		"internal/server/x.go":            source("daybook/internal/config", "github.com/alexedwards/scs/v2"),
		"internal/server/x_test.go":       source("daybook/internal/simulator"),
		"internal/session/sub/x.go":       source("daybook/internal/identity"),
		"internal/util/x.go":              source(),
		"internal/graph/testdata/x.go":    source("daybook/web"),
		"internal/identity/ignored_js.go": source("github.com/gomodule/redigo/redis"),
		".ci/test.go":                     source("daybook/internal/config"),
	}
	want := []string{
		"internal/calendar imports crypto/md5, which belongs to nobody",
		"internal/calendar imports internal/graph",
		"internal/identity imports github.com/gomodule/redigo/redis, which belongs to internal/session",
		"internal/server imports github.com/alexedwards/scs/v2, which belongs to internal/session",
		"internal/server imports internal/config",
		"internal/session/sub is in no drawing",
		"internal/util is in no drawing",
	}
	got := wrongImports(t, tree)
	if !slices.Equal(got, want) {
		t.Errorf("wrongImports found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// wrongImports reads the sources, whatever their build constraints, and not
// what `go list` says of them, which the test cache does not watch.
func wrongImports(t *testing.T, root fs.FS) []string {
	t.Helper()
	wrong := map[string]bool{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if entry.IsDir() {
			// As the go command does (go help packages).
			if name != "." && (base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := path.Dir(name)
		allowed, drawn := arrows[from]
		if !drawn {
			wrong[from+" is in no drawing"] = true
			return nil
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, is := strings.CutPrefix(imported, "daybook/"); is && !slices.Contains(allowed, ours) {
				wrong[from+" imports "+ours] = true
			}
			for prefix, owners := range fences {
				if strings.HasPrefix(imported, prefix) && !slices.Contains(owners, from) {
					wrong[from+" imports "+imported+", which belongs to "+cmp.Or(strings.Join(owners, ", "), "nobody")] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(wrong))
}

// A scratch image has no zoneinfo: without this import every zone but UTC
// would be unknown there.
func TestTimeZonesAreInside(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if spec.Path.Value == `"time/tzdata"` {
				return
			}
		}
	}
	t.Error("package main does not import time/tzdata")
}
