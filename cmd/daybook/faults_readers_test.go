package main

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// F28: people are served while a crowd asks for much and reads nothing of it,
// and the crowd is sent away.
func TestFaultSlowReaders(t *testing.T) {
	t.Parallel()
	thorough(t) // the time an answer may take is a minute
	addr, admin := freeAddr(t), freeAddr(t)
	m := newStage(t, "http://"+addr)
	site := m.start(addr, "SESSION_STORE=memory", "ADMIN_ADDR="+admin, "LOG_LEVEL=info")
	b := m.signedIn(m.people[0])
	before := vitalsOf(t, admin)
	const crowd = 100
	// More, and cheap, answers than all buffers on the way hold.
	style := regexp.MustCompile(`/static/calendar[^"]*\.css`).FindString(b.get(week).body)
	requests := strings.Repeat("GET "+style+" HTTP/1.1\r\nHost: x\r\n\r\n", 2000)
	for range crowd {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(c, requests) }() // until it is sent away
	}
	eventually(t, 30*time.Second, "they are all there", func() bool { return openFiles(t, site) > before.files+crowd*9/10 })
	began := time.Now()
	eventually(t, 20*time.Second, "the calendar is there among them", func() bool { return b.get(week).status == http.StatusOK })
	status(t, "F28 readyz among slow readers", b.get("/readyz"), http.StatusOK)
	t.Logf("F28 %d who read nothing: %v", crowd, vitalsOf(t, admin))
	eventually(t, writeTimeout+30*time.Second, "their sockets are closed", func() bool { return openFiles(t, site) < before.files+crowd/2 })
	t.Logf("F28 %d who read nothing were sent away after %v; afterwards %v", crowd, time.Since(began).Round(time.Second), vitalsOf(t, admin))
}
