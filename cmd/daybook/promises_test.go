package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testNamed   = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	testDefined = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
)

// definedTests are the names of all tests.
func definedTests(t *testing.T) map[string]bool {
	t.Helper()
	defined := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := os.ReadFile(name)
		for _, found := range testDefined.FindAllSubmatch(source, -1) {
			defined[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return defined
}

// Every test that SECURITY.md promises exists, and every requirement has one or
// a reason.
func TestSecurityNamesItsTests(t *testing.T) {
	t.Parallel()
	defined := definedTests(t)
	text, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := testNamed.FindAllSubmatch(text, -1)
	if len(named) < 60 {
		t.Fatalf("SECURITY.md names %d tests, want one for each requirement", len(named))
	}
	for _, found := range named {
		if name := string(found[1]); !defined[name] {
			t.Errorf("SECURITY.md names %s, which does not exist", name)
		}
	}
	rows := 0
	_, requirements, _ := strings.Cut(string(text), "## Requirements")
	requirements, _, _ = strings.Cut(requirements, "\n## ")
	for line := range strings.Lines(requirements) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !regexp.MustCompile(`^ [0-9]+\.`).MatchString(cells[1]) {
			continue
		}
		rows++
		met, why := strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
		if met != "no" && !strings.HasPrefix(met, "yes") || why == "" {
			t.Errorf("no answer in %q", line)
		}
		if met != "no" && !strings.Contains(why, "`") && !strings.Contains(why, "above") {
			t.Errorf("neither test nor section in %q", line)
		}
	}
	if rows < 60 {
		t.Errorf("%d requirements, want all that apply", rows)
	}
}
