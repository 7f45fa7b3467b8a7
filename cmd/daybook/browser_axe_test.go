package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe returns the accessibility rules to be evaluated in a page, from npm's
// package, which is installed once per machine into the user's cache.
var axe = sync.OnceValues(func() (string, error) {
	lock, err := os.ReadFile("testdata/axe/package-lock.json")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	installed := filepath.Join(cache, "daybook", fmt.Sprintf("axe-%x", sha256.Sum256(lock)))
	script := filepath.Join(installed, "node_modules", "axe-core", "axe.min.js")
	if text, err := os.ReadFile(script); err == nil {
		return string(text), nil
	}
	if err := os.MkdirAll(filepath.Dir(installed), 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(installed), "axe-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := os.CopyFS(fresh, os.DirFS("testdata/axe")); err != nil {
		return "", err
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = fresh
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	_ = os.Rename(fresh, installed) // or another test was quicker
	text, err := os.ReadFile(script)
	return string(text), err
})

// accessible checks the page shown against WCAG 2.0 to 2.2, levels A and AA,
// or against some of its rules. The rules are evaluated from outside: no
// policy of the page is in the way.
func (b *tab) accessible(only ...string) {
	b.Helper()
	b.Run("accessible", func(t *testing.T) {
		(&tab{T: t, ctx: b.ctx}).violations(only)
	})
}

// withRules has the rules at hand in every page of a tab.
func withRules() chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		rules, err := axe()
		if err != nil {
			return nil // [tab.violations] says so
		}
		return onNewDocument(rules)(ctx)
	})
}

func (b *tab) violations(only []string) {
	if _, err := exec.LookPath("npm"); err != nil {
		b.Skip("needs npm")
	}
	if _, err := axe(); err != nil {
		b.Skip("needs axe-core from npm: ", err)
	}
	runOnly := "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']"
	if len(only) > 0 {
		runOnly = "['" + strings.Join(only, "', '") + "']"
	}
	// A target is not small because something floats over it at the moment, the
	// headings where the page has scrolled to now or a note at its foot.
	float := func(position string) {
		b.do(chromedp.Evaluate(`scrollTo(0, 0); document.querySelectorAll('.toast').forEach(e => e.style.position = '`+position+`')`, nil))
	}
	float("static")
	defer float("")
	violations := ask[[]string](b, `axe.run({runOnly: `+runOnly+`, resultTypes: ['violations'], elementRef: false})
		.then(r => r.violations.map(v => v.id + ', ' + v.nodes.length + ' times, as at ' +
			v.nodes.slice(0, 2).map(n => n.target + ': ' + n.failureSummary + '\n' + n.html.slice(0, 300)).join('\n')))`, awaited)
	for _, v := range violations {
		b.Error("axe:", v)
	}
}
