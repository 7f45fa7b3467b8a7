package config

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/joho/godotenv"
)

const root = "../.."

// The three places that name the settings agree: the tags of Config,
// .env.example, and the table in README.md.
func TestSettingsAreDocumented(t *testing.T) {
	t.Parallel()
	want := slices.Sorted(slices.Values(variables()))

	example := read(t, ".env.example")
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(settingsOf(t, example)))); diff != "" {
		t.Errorf(".env.example and what Load asks for (-Load +file):\n%s", diff)
	}

	var table []string
	cell := regexp.MustCompile("`([A-Z][A-Z_]+)`")
	for _, row := range regexp.MustCompile("(?m)^\\| *`[A-Z][A-Z_]+`[^|]*").FindAllString(read(t, "README.md"), -1) {
		for _, name := range cell.FindAllStringSubmatch(row, -1) {
			table = append(table, name[1])
		}
	}
	// The table says once, in words, that secrets have a NAME_FILE as well.
	plain := slices.DeleteFunc(slices.Clone(want), isFileVariant)
	slices.Sort(table)
	if diff := cmp.Diff(plain, slices.DeleteFunc(table, isFileVariant)); diff != "" {
		t.Errorf("README.md's table and what Load asks for (-Load +table):\n%s", diff)
	}
}

func isFileVariant(name string) bool {
	base, cut := strings.CutSuffix(name, "_FILE")
	return cut && slices.Contains(inFiles[:], base)
}

// What .env.example shows is the default, so that a line without its # changes
// nothing, and the file as it is sets nothing.
func TestExampleShowsDefaults(t *testing.T) {
	t.Parallel()
	example := read(t, ".env.example")
	set, err := godotenv.Unmarshal(example)
	if err != nil || len(set) != 0 {
		t.Errorf(".env.example sets %v, %v, want nothing", set, err)
	}
	defaults := map[string]string{}
	walk(reflect.TypeFor[Config](), func(f reflect.StructField) {
		defaults[f.Tag.Get("env")] = f.Tag.Get("envDefault")
	})
	for name, value := range settingsOf(t, example) {
		if value != defaults[name] {
			t.Errorf(".env.example shows %s=%q, the default is %q", name, value, defaults[name])
		}
	}
}

func TestFieldsTellTheirVariable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	walk(reflect.TypeFor[Config](), func(f reflect.StructField) {
		if seen[f.Name] {
			t.Errorf("two settings have a field named %s: mistakes would be blamed on the wrong one", f.Name)
		}
		seen[f.Name] = true
		variable := f.Tag.Get("env")
		if got := variableOf(reflect.TypeFor[Config](), f.Name); got != variable {
			t.Errorf("variableOf(%s) = %s, want %s", f.Name, got, variable)
		}
		isSecret := f.Type == reflect.TypeFor[Secret]() || f.Type == reflect.TypeFor[Keys]()
		if isSecret != slices.Contains(inFiles[:], variable) {
			t.Errorf("%s: a secret %v, may come from a file %v; want both or neither", variable, isSecret, !isSecret)
		}
	})
}

func walk(t reflect.Type, visit func(reflect.StructField)) {
	for f := range t.Fields() {
		if f.Tag.Get("env") != "" {
			visit(f)
		} else if f.Type.Kind() == reflect.Struct {
			walk(f.Type, visit)
		}
	}
}

// settingsOf returns the settings that are commented out, "#NAME=value".
func settingsOf(t *testing.T, example string) map[string]string {
	t.Helper()
	settings := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^#([A-Z][A-Z0-9_]*)=(.*)$`).FindAllStringSubmatch(example, -1) {
		if _, twice := settings[match[1]]; twice {
			t.Errorf(".env.example has %s twice", match[1])
		}
		settings[match[1]] = match[2]
	}
	return settings
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
