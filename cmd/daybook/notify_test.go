package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNotify(t *testing.T) {
	t.Parallel()
	for _, socket := range []string{
		filepath.Join(t.TempDir(), "notify"),
		fmt.Sprintf("@daybook-test-%d", os.Getpid()), // abstract, as systemd uses for containers
	} {
		manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer manager.Close()
		manager.SetReadDeadline(time.Now().Add(5 * time.Second))
		for _, state := range []string{stateReady, stateStopping} {
			if err := notify(socket, state); err != nil {
				t.Fatalf("notify(%q, %q) = %v", socket, state, err)
			}
			got := make([]byte, 64)
			n, err := manager.Read(got)
			if err != nil || string(got[:n]) != state {
				t.Errorf("the manager at %q read %q, %v, want %q", socket, got[:n], err, state)
			}
		}
	}
}

func TestNotifyWithoutManager(t *testing.T) {
	t.Parallel()
	if err := notify("", stateReady); err != nil {
		t.Errorf("notify without a socket = %v, want nil", err)
	}
	if err := notify(filepath.Join(t.TempDir(), "gone"), stateReady); err == nil {
		t.Error("notify to a socket that is gone = nil, want an error")
	}
}
