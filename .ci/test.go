// Command test runs `go test -json` with its arguments and prints what go test
// prints without -v. Tests that were skipped are named before the results; one
// whose reason begins with "needs", because a program is missing that `make
// setup` installs, is a failure when CI=true.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// An event is what test2json writes (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	skipped, results, readErr := follow(events, os.Stdout)
	runErr := cmd.Wait()

	missing := report(os.Stdout, skipped, results)
	switch {
	case readErr != nil:
		fmt.Fprintln(os.Stderr, "go test -json:", readErr)
		os.Exit(1)
	case runErr != nil:
		os.Exit(1)
	case missing && os.Getenv("CI") == "true":
		fmt.Fprintln(os.Stderr, "FAIL: with CI=true no test may be skipped for a missing program")
		os.Exit(1)
	}
}

// A skip is a test that did not run, and why.
type skip struct{ name, reason string }

// follow copies to w what belongs to packages and to tests that fail, as it
// comes, and returns the skipped tests and the packages' result lines.
func follow(events io.Reader, w io.Writer) (skipped []skip, results []string, err error) {
	output := map[string][]string{} // by package and test
	for decoder := json.NewDecoder(events); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return skipped, results, nil
		} else if err != nil {
			io.Copy(io.Discard, events) // or go test would wait for a reader
			return skipped, results, err
		}
		test := e.Package + " " + e.Test
		switch {
		case e.Action == "build-output":
			fmt.Fprint(w, e.Output)
		case e.Action == "output" && strings.HasPrefix(e.Output, "=== "):
			// Only -v tells when a test starts, rests and goes on.
		case e.Action == "output" && e.Test != "":
			output[test] = append(output[test], e.Output)
		case e.Action == "output":
			if isResult(e.Output) {
				results = append(results, e.Output)
			}
			if e.Output != "PASS\n" {
				fmt.Fprint(w, e.Output)
			}
		case e.Action == "skip" && e.Test != "":
			skipped = append(skipped, skip{test, reason(output[test])})
			delete(output, test)
		case e.Action == "fail" && e.Test == "":
			// A panic or a time-out ends the process before its tests end.
			for name, lines := range output {
				if strings.HasPrefix(name, test) {
					fmt.Fprint(w, strings.Join(lines, ""))
					delete(output, name)
				}
			}
		case e.Action == "fail":
			fmt.Fprint(w, strings.Join(output[test], ""))
			delete(output, test)
		case e.Action == "pass":
			delete(output, test)
		}
	}
}

// isResult tells a package's last line from what its tests print outside of
// any test.
func isResult(line string) bool {
	for _, start := range []string{"ok  \t", "FAIL\t", "?   \t"} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}

// reason returns what t.Skip was given, the last line with a position.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		if _, text, found := strings.Cut(line, ".go:"); found {
			_, text, _ = strings.Cut(text, ": ")
			return strings.TrimSpace(text)
		}
	}
	return "no reason given"
}

// report names the skipped tests, repeats the results below them, so that they
// close the output, and reports whether a program was missing.
func report(w io.Writer, skipped []skip, results []string) (missing bool) {
	if len(skipped) == 0 {
		return false
	}
	fmt.Fprintln(w, "\nSkipped:")
	for _, s := range skipped {
		fmt.Fprintf(w, "  %s: %s\n", s.name, s.reason)
		missing = missing || strings.HasPrefix(s.reason, "needs ")
	}
	fmt.Fprintln(w)
	for _, line := range results {
		fmt.Fprint(w, line)
	}
	return missing
}
