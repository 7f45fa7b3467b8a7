package config

import (
	"fmt"
	"strings"
)

// A Mistake is one thing wrong with one setting, without any secret value.
type Mistake struct {
	Variable string `json:"variable"` // also the name of the .env file
	Text     string `json:"text"`     // one line that says what is wrong and often what to do
}

// Error returns the mistake in one line that begins with the variable.
func (m Mistake) Error() string { return m.Variable + ": " + m.Text }

// Mistakes are all mistakes found by one [Load], at most one for a variable.
type Mistakes []Mistake

// Error returns the mistakes, a line for each.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.Error()
	}
	return strings.Join(lines, "\n")
}

// A report collects what is found while settings are read.
type report struct {
	mistakes Mistakes
	warnings []string
}

// wrong notes a mistake. Only the first of a variable is kept: those after it
// are mostly what follows from it.
func (r *report) wrong(variable, format string, args ...any) {
	if !r.has(variable) {
		r.mistakes = append(r.mistakes, Mistake{variable, fmt.Sprintf(format, args...)})
	}
}

func (r *report) has(variable string) bool {
	for _, m := range r.mistakes {
		if m.Variable == variable {
			return true
		}
	}
	return false
}

func (r *report) warn(variable, format string, args ...any) {
	r.warnings = append(r.warnings, variable+": "+fmt.Sprintf(format, args...))
}
