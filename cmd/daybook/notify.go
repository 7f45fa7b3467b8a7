package main

import (
	"fmt"
	"net"
)

// What systemd is told (sd_notify(3)).
const (
	stateReady    = "READY=1"
	stateStopping = "STOPPING=1"
)

// notify tells the service manager a state through socket, the value of
// NOTIFY_SOCKET. With no socket there is no service manager and nothing to do.
func notify(socket, state string) error {
	if socket == "" {
		return nil
	}
	// A name that begins with @ is in Linux's abstract namespace, which
	// package net knows as well.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return nil
}
