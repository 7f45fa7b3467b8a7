package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"daybook/internal/config"
	"daybook/internal/simulator"

	"go.yaml.in/yaml/v4"
)

// A rule of deploy/alerts.yml.
type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// expressions are the queries of the alert rules and of the dashboard, by the
// name of the rule or the panel.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	var alerts struct {
		Groups []struct {
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(deployed(t, "alerts.yml"), &alerts); err != nil {
		t.Fatalf("alerts.yml: %v", err)
	}
	for _, group := range alerts.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" || rule.Expr == "" || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
				t.Errorf("alerts.yml: the rule %q is not complete", rule.Alert)
			}
			all["alert "+rule.Alert] = rule.Expr
		}
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(deployed(t, "grafana-dashboard.json"), &dashboard); err != nil {
		t.Fatalf("grafana-dashboard.json: %v", err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all["panel "+panel.Title] += target.Expr + "\n"
		}
	}
	if len(all) < 20 {
		t.Fatalf("found %d queries, want those of both files", len(all))
	}
	return all
}

func deployed(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

var (
	metricName = regexp.MustCompile(`\b(?:daybook|process|go)_[a-z_]+\b`)
	selector   = regexp.MustCompile(`((?:daybook|process|go)_[a-z_]+)\{([^}]*)\}`)
	equals     = regexp.MustCompile(`([a-z]+)!?="([^"]*)"`)
)

// Dashboard and alerts speak of metrics, and of label values, that there are.
func TestSignalsExist(t *testing.T) {
	t.Parallel()
	addr, admin := freeAddr(t), freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t)
	m.start(addr, "SESSION_STORE=redis", r.url(r.addr), "ADMIN_ADDR="+admin)
	// Some of everything: a metric with labels shows up when it first counts.
	b := m.signedIn(m.people[0])
	b.get("/profile")
	m.RevokeAccess(m.people[0])
	b.with("Cache-Control", "no-cache").get(week)
	m.Inject(simulator.Fault{On: simulator.Graph, Times: 1, Status: 429, Header: http.Header{"Retry-After": {"120"}}})
	b.with("Cache-Control", "no-cache").get("/calendar/day/2031-05-05")
	m.ClearFaults()
	other := m.visitor()
	m.Inject(simulator.Fault{On: simulator.Token, OAuth: &simulator.OAuthError{AADSTS: 7000222, Code: "invalid_client"}})
	status(t, "sign-in with a secret that has expired", other.throughCallback(m.people[1]), http.StatusServiceUnavailable)
	third := m.people[2]
	m.ClearFaults()
	c := m.signedIn(third)
	m.RevokeAccess(third)
	m.Inject(simulator.Fault{On: simulator.Token, OAuth: &simulator.OAuthError{AADSTS: 7000222, Code: "invalid_client"}})
	c.with("Cache-Control", "no-cache").get("/calendar/day/2031-05-05")
	m.ClearFaults()
	r.kill()
	b.get(week)

	scrape := ""
	eventually(t, 10*time.Second, "metrics", func() bool {
		answer, err := m.visitor().send(http.MethodGet, "http://"+admin+"/metrics", nil)
		scrape = answer.body
		return err == nil && answer.status == http.StatusOK
	})
	if what := m.leak(scrape); what != "" {
		t.Errorf("the metrics hold a secret: %s", what)
	}
	exists := map[string]bool{}
	for line := range strings.Lines(scrape) {
		exists[metricName.FindString(strings.TrimPrefix(line, "# HELP "))] = true
	}
	used := map[string]bool{}
	for where, query := range expressions(t) {
		if strings.Count(query, "(") != strings.Count(query, ")") {
			t.Errorf("%s: parentheses do not match in %s", where, query)
		}
		for _, name := range metricName.FindAllString(query, -1) {
			used[name] = true
			if !exists[name] {
				t.Errorf("%s uses %s, which does not exist", where, name)
			}
		}
		for _, found := range selector.FindAllStringSubmatch(query, -1) {
			for _, label := range equals.FindAllStringSubmatch(found[2], -1) {
				if label[1] == "job" || label[2] == "canceled" {
					continue // Prometheus' own; nobody gave up in this test
				}
				if !regexp.MustCompile(found[1] + `\{[^}]*` + label[1] + `="` + label[2] + `"`).MatchString(scrape) {
					t.Errorf("%s asks for %s of %s, which did not occur", where, label[0], found[1])
				}
			}
		}
	}
	for name := range exists {
		if base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count"); strings.HasPrefix(name, "daybook_") && !used[base] && !used[base+"_bucket"] {
			t.Errorf("%s is on no dashboard and in no alert", name)
		}
	}
}

// An operator keeps a line for each sign-in, refusal, sign-out and revocation,
// which says who without saying their name, whatever else is logged.
func TestAuditLines(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"info", "error"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			m := newStage(t, "http://"+addr)
			site := m.launch(addr, program(t, m.environ(addr, "SESSION_STORE=memory", "LOG_LEVEL="+level), "serve"))
			eventually(t, time.Minute, "daybook listens", func() bool { // LOG_LEVEL=error does not say so
				c, err := net.Dial("tcp", addr)
				return err == nil && c.Close() == nil
			})
			auditLines(t, m, site)
		})
	}
}

func auditLines(t *testing.T, m *stage, site *process) {
	b := m.signedIn(m.people[0])
	m.signedIn(m.people[0])
	b.must(http.MethodPost, "/sessions/revoke-others", nil)
	b.must(http.MethodPost, "/auth/logout", nil)
	b.must(http.MethodPost, "/auth/logout", nil) // nobody is signed in any more
	m.visitor().get("/auth/callback?state=" + strings.Repeat("x", 43) + "&code=1234")
	declined := m.visitor()
	page := declined.begin()
	declined.follow(declined.must(http.MethodPost, page.url.String(), map[string][]string{"action": {"cancel"}}))
	site.stop()
	count := map[string]int{}
	for line := range strings.Lines(site.log.String()) {
		var entry struct{ Time, Level, Msg, Event, Request, Client, User, Reason string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if strings.Contains(line, m.people[0].Username) || strings.Contains(line, m.people[0].ObjectID) || strings.Contains(line, m.people[0].Name) {
			t.Errorf("a person's name is in the log: %s", line)
		}
		if entry.Msg != "audit" {
			continue
		}
		count[entry.Event]++
		if entry.Level != "INFO" || entry.Request == "" || entry.Client != "127.0.0.1" || !strings.HasSuffix(entry.Time, "Z") ||
			entry.User == "" != (entry.Event == "sign-in refused") || entry.Reason == "" != (entry.Event != "sign-in refused") {
			t.Errorf("audit line %s", line)
		}
	}
	for event, want := range map[string]int{"signed in": 2, "sign-in refused": 2, "signed out": 1} {
		if count[event] != want {
			t.Errorf("%d lines %q, want %d (%v)", count[event], event, want, count)
		}
	}
	if len(count) != 4 {
		t.Errorf("events %v, want also the revocation", count)
	}
}

func TestLogNamesUnits(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	newLog(config.Log{}, &lines).Info("waited", "took", 1500*time.Millisecond)
	var line struct {
		Time time.Time
		Took string
	}
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if _, offset := line.Time.Zone(); offset != 0 || line.Took != "1.5s" {
		t.Errorf("logged %s, want a time in UTC and 1.5s", lines.String())
	}
}
