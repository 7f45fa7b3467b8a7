package server

import (
	"net/http/httptest"
	"testing"
)

// BenchmarkWeek is the cost of a warm week: one that Graph need not be asked
// for.
func BenchmarkWeek(b *testing.B) {
	s := newTestSite(b)
	person := s.browser("en-GB")
	person.signIn(b, s.people[0])
	const path = "/calendar/week/2026-07-08"
	if got := person.get(b, path); got.StatusCode != 200 {
		b.Fatal(got.StatusCode)
	}
	b.ReportAllocs()
	for b.Loop() {
		person.do(b, httptest.NewRequest("GET", path, nil), "Accept-Encoding", "gzip")
	}
}
