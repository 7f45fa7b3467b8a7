package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// requirements are those of OWASP ASVS 5.0 that apply to Daybook, of levels 1 and
// 2, and the ones of level 3 that it meets or answers for.
const requirements = `
	1.2.1 1.2.2 1.2.3 1.3.1 1.3.6 1.3.7 1.5.2
	2.2.1 2.2.2 2.3.1 2.4.1
	3.2.1 3.2.2 3.3.1 3.3.2 3.3.3 3.3.4 3.3.5 3.4.1 3.4.2 3.4.3 3.4.4 3.4.5 3.4.6 3.4.7 3.4.8 3.5.1 3.5.3 3.5.4 3.5.8 3.6.1 3.7.2 3.7.4
	4.1.1 4.1.2 4.1.3 4.1.4 4.2.1
	5.3.2
	6.8.1 6.8.2 6.8.4
	7.1.1 7.1.2 7.1.3 7.2.1 7.2.2 7.2.3 7.2.4 7.3.1 7.3.2 7.4.1 7.4.2 7.4.3 7.4.4 7.4.5 7.5.1 7.5.2 7.5.3 7.6.1 7.6.2
	8.2.1 8.2.2 8.3.1 8.4.1
	9.1.1 9.1.2 9.1.3 9.2.1 9.2.2 9.2.3
	10.1.1 10.1.2 10.2.1 10.2.2 10.2.3 10.5.1 10.5.2 10.5.3 10.5.4 10.5.5
	11.1.1 11.1.2 11.2.1 11.2.2 11.2.3 11.2.4 11.2.5 11.3.1 11.3.2 11.3.3 11.3.4 11.4.1 11.5.1
	12.1.1 12.1.2 12.2.1 12.2.2 12.3.1 12.3.2 12.3.3 12.3.4
	13.1.1 13.2.1 13.2.2 13.2.3 13.2.4 13.2.6 13.3.1 13.3.2 13.3.4 13.4.1 13.4.2 13.4.3 13.4.4 13.4.5 13.4.6
	14.1.1 14.1.2 14.2.1 14.2.2 14.2.3 14.2.4 14.2.5 14.2.6 14.2.7 14.3.1 14.3.2 14.3.3
	15.1.1 15.1.2 15.1.3 15.2.1 15.2.2 15.2.3 15.3.1 15.3.2 15.3.4 15.3.7 15.4.1 15.4.2 15.4.3 15.4.4
	16.1.1 16.2.1 16.2.2 16.2.3 16.2.4 16.2.5 16.3.1 16.3.2 16.3.3 16.3.4 16.4.1 16.4.2 16.4.3 16.5.1 16.5.2 16.5.3 16.5.4
`

var requirementIDs = regexp.MustCompile(`([0-9]+\.[0-9]+\.)([0-9]+)(?:–([0-9]+\.[0-9]+\.)([0-9]+))?`)

// answered lists the ids that a row's first cell stands for; a range is one of
// a single section.
func answered(t *testing.T, cell string) (ids []string) {
	t.Helper()
	for _, found := range requirementIDs.FindAllStringSubmatch(cell, -1) {
		first, _ := strconv.Atoi(found[2])
		last := first
		if found[3] != "" {
			last, _ = strconv.Atoi(found[4])
		}
		if found[3] != "" && (found[3] != found[1] || last <= first) {
			t.Errorf("%s is no range", found[0])
		}
		for i := first; i <= last; i++ {
			ids = append(ids, found[1]+strconv.Itoa(i))
		}
	}
	return ids
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
	var got []string
	_, table, _ := strings.Cut(string(text), "## Requirements")
	table, _, _ = strings.Cut(table, "\n## ")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !regexp.MustCompile(`^ [0-9]+\.`).MatchString(cells[1]) {
			continue
		}
		got = append(got, answered(t, cells[1])...)
		met, why := strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
		if met != "no" && !strings.HasPrefix(met, "yes") || why == "" {
			t.Errorf("no answer in %q", line)
		}
		if met != "no" && !strings.Contains(why, "`") && !strings.Contains(why, "above") {
			t.Errorf("neither test nor section in %q", line)
		}
	}
	want := strings.Fields(requirements)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requirements (-that apply +answered):\n%s", diff)
	}
}
