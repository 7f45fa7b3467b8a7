package session

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// gather returns the metrics as "name{label,label}" with counts.
func gather(t *testing.T, s *Sessions) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			value := m.GetCounter().GetValue()
			if h := m.GetHistogram(); h != nil {
				value = float64(h.GetSampleCount())
			}
			got[family.GetName()+"{"+strings.Join(labels, ",")+"}"] = value
		}
	}
	return got
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	store := &tap{Store: NewMemory()}
	log := new(lines)
	s := newSessions(t, store, func(o *Options) { o.Log = log.logger() })
	anna := mustSignIn(t, s, "anna")
	first, second := anna.mustOpen(t, s), anna.mustOpen(t, s)
	for _, session := range []*Session{first, second} {
		if err := session.Tokens().Update(t.Context(), appendTo("x")); err != nil {
			t.Fatal(err)
		}
	}
	unlock, err := first.Tokens().Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	store.set(func(string, string) error { return errors.New("down") }, nil)
	if _, err := s.Open(anna.request()); err == nil {
		t.Error("Open of a store that is down succeeded")
	}
	store.set(nil, nil)
	if _, err := anna.signOut(s); err != nil {
		t.Fatal(err)
	}
	got := gather(t, s)
	for name, want := range map[string]float64{
		"daybook_session_loads_total{session,hit,other}":       4, // two requests, a lost race, the sign-out
		"daybook_session_loads_total{session,error,other}":     1,
		"daybook_session_record_bytes{session,other}":          3,
		"daybook_session_lost_races_total{session}":            1,
		"daybook_session_lock_wait_seconds{other}":             1,
		"daybook_session_store_faults_total{other,load,other}": 1,
		"daybook_session_store_seconds{delete,session,other}":  1,
		"daybook_session_store_seconds{save,session,other}":    4,
	} {
		found := false
		for have, value := range got {
			if sameLabels(have, name) {
				found = true
				if value != want {
					t.Errorf("%s = %v, want %v", have, value, want)
				}
			}
		}
		if !found {
			t.Errorf("no %s in %v", name, got)
		}
	}
	for _, canary := range []string{anna.cookies["daybook"], "tokens of anna", "oid-anna", "anna@example.com", "sid-anna"} {
		if canary != "" && strings.Contains(log.String(), canary) {
			t.Errorf("the log shows %q", canary)
		}
	}
	if !strings.Contains(log.String(), "op=save record=session bytes=") {
		t.Errorf("the debug log does not name sizes:\n%.300s", log)
	}
}

// sameLabels compares metrics whose labels are given in another order.
func sameLabels(a, b string) bool {
	nameA, labelsA, _ := strings.Cut(strings.TrimSuffix(a, "}"), "{")
	nameB, labelsB, _ := strings.Cut(strings.TrimSuffix(b, "}"), "{")
	return nameA == nameB && sameOps(strings.ReplaceAll(labelsA, ",", ", "), strings.ReplaceAll(labelsB, ",", ", "))
}
