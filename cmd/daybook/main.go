// Command daybook shows people their Microsoft 365 calendar. `daybook serve`
// runs the web site; `daybook help` lists the other commands. This package
// only wires: it reads the settings, makes the parts, hands them to each other
// and ends them in order.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the machine may have no time zones, or old ones
)

func main() {
	// Here net/http writes what came on a connection that nobody waited on: it
	// may be part of a token.
	log.SetOutput(io.Discard)
	signals, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	// The first signal asks for a graceful stop. The second one ends at once, from
	// when the stop begins on.
	context.AfterFunc(signals, func() {
		stop()
		cancel()
	})
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintln(os.Stderr, "daybook:", err)
		}
		os.Exit(1)
	}
}

// errReported is the result of a command that has already said what is wrong.
var errReported = errors.New("reported")

// A command does one thing that daybook can do.
type command struct {
	name, does string
	run        func(ctx context.Context, e environment) error
}

// environment is what a command gets from outside.
type environment struct {
	args           []string
	environ        []string
	stdout, stderr io.Writer
}

func commands() []command {
	return []command{
		{"serve", "run the web site", serve},
		{"check", "say what is right and wrong with the settings and what they lead to", check},
		{"sessions", "list or end sessions, for the operator", sessions},
		{"healthcheck", "ask the running site whether it is ready (for container health checks)", healthcheck},
		{"version", "say which version this is", printVersion},
	}
}

// run executes the command that args name. It returns when the command has
// ended or, for serve, after ctx is done and the site has stopped.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(ctx, environment{args, environ, stdout, stderr})
		}
	}
	w, err := stderr, error(fmt.Errorf("no command %q", name))
	if name == "help" || name == "-h" || name == "--help" {
		w, err = stdout, nil
	}
	fmt.Fprintln(w, "Usage: daybook <command>")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.does)
	}
	return err
}
