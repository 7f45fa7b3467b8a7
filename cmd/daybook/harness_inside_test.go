package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"daybook/internal/config"
	"daybook/internal/session"
)

// An instance is a site inside the test's own process, for tests that need its
// clock or its store.
type instance struct {
	addr  string
	log   *lines
	parts *parts
	ahead *atomic.Int64 // nanoseconds that its clock is ahead
	stop  func()        // in good order; waits for the end
}

// pass moves the instance's clock on.
func (i *instance) pass(d time.Duration) { i.ahead.Add(int64(d)) }

// inside starts a site inside this process until the test ends. wrap, if not
// nil, is put around its store. What it logs is checked as a process's is.
func (m *stage) inside(wrap func(session.Store) session.Store, more ...string) *instance {
	t := m.t
	t.Helper()
	c, err := config.Load(m.environ("127.0.0.1:0", more...), "")
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{log: newLines(), ahead: new(atomic.Int64)}
	log := newLog(c.Log, i.log)
	s, err := openStores(c, log)
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		s.sessions = wrap(s.sessions)
	}
	network := m.server.Client().Transport.(*http.Transport).Clone()
	now := func() time.Time { return time.Now().Add(time.Duration(i.ahead.Load())) }
	i.parts = &parts{stores: s, world: world{network: network, now: now}, log: log}
	if err := i.parts.fill(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, handler, err := i.parts.site(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	i.addr = server.Listener.Addr().String()
	i.stop = sync.OnceFunc(func() {
		server.CloseClientConnections()
		server.Close()
		i.parts.close()
	})
	t.Cleanup(func() {
		i.stop()
		network.CloseIdleConnections()
		m.checkLog(i.addr, i.log)
	})
	return i
}
