package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthcheck asks the site on LISTEN_ADDR whether it is ready. It is for
// containers, whose image has no shell and no curl.
func healthcheck(ctx context.Context, e environment) error {
	c, err := load(e)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.Web.ListenAddr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	answer, err := fetch(ctx, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", answer.Status)
	}
	return nil
}
