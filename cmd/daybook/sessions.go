package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"daybook/internal/config"
	"daybook/internal/server"
	"daybook/internal/session"
)

const sessionsUsage = `Usage: daybook sessions <command>

  list [--json]            who is signed in, and where
  revoke --user <tid.oid>  end all sessions of one person (the key that list prints, or the user name)
  revoke --all             end everybody's sessions
  purge                    remove what has expired and what points nowhere
`

// sessions lists or ends sessions for the operator, in the store that the
// settings name. Servers in operation notice at once: they keep no copies.
func sessions(ctx context.Context, e environment) error {
	c, err := load(e)
	if err != nil {
		return err
	}
	if c.Session.Store == config.InMemory {
		return errors.New("SESSION_STORE=memory: sessions are inside the server, where no command reaches them")
	}
	log := quiet()
	stores, err := openStores(c, log)
	if err != nil {
		return err
	}
	defer stores.close()
	secrets, err := stores.secretsOf(ctx, c)
	if err != nil {
		return err
	}
	all, err := session.New(session.Options{Store: stores.sessions, Tokens: stores.tokens, Secrets: secrets,
		Lifetime: c.Session.Lifetime, Idle: c.Session.IdleTimeout, Now: time.Now, Log: log})
	if err != nil {
		return err
	}
	defer all.Close()
	if len(e.args) == 0 {
		fmt.Fprint(e.stderr, sessionsUsage)
		return errReported
	}
	switch name, args := e.args[0], e.args[1:]; name {
	case "list":
		return listSessions(ctx, e, all, args)
	case "revoke":
		return revokeSessions(ctx, e, all, newLog(c.Log, e.stderr), args)
	case "purge":
		removed, err := all.Purge(ctx)
		fmt.Fprintf(e.stdout, "%d expired records removed\n", removed)
		return err
	}
	fmt.Fprint(e.stderr, sessionsUsage)
	return errReported
}

// A signedIn is one place where a person is signed in.
type signedIn struct {
	User    string    `json:"user"`
	Key     string    `json:"key"`
	Browser string    `json:"browser"`
	Since   time.Time `json:"since"`
	Seen    time.Time `json:"seen"`
}

func listSessions(ctx context.Context, e environment, all *session.Sessions, args []string) error {
	flags := flag.NewFlagSet("list", flag.ContinueOnError)
	flags.SetOutput(e.stderr)
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return errReported
	}
	people, err := all.List(ctx)
	if err != nil {
		return err
	}
	list := []signedIn{}
	for _, p := range people {
		for _, s := range p.Sessions {
			list = append(list, signedIn{p.Name, p.Key, s.Browser, s.Since.UTC(), s.Seen.UTC()})
		}
	}
	if *asJSON {
		encoder := json.NewEncoder(e.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(list)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "USER\tKEY\tBROWSER\tSIGNED IN\tLAST SEEN")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.User, s.Key, s.Browser, s.Since.Format(time.RFC3339), s.Seen.Format(time.RFC3339))
	}
	return w.Flush()
}

func revokeSessions(ctx context.Context, e environment, all *session.Sessions, log *slog.Logger, args []string) error {
	flags := flag.NewFlagSet("revoke", flag.ContinueOnError)
	flags.SetOutput(e.stderr)
	user := flags.String("user", "", "key or user name of the person")
	everybody := flags.Bool("all", false, "everybody")
	if err := flags.Parse(args); err != nil {
		return errReported
	}
	var (
		ended int
		err   error
	)
	switch {
	case *everybody == (*user != ""):
		fmt.Fprint(e.stderr, sessionsUsage)
		return errReported
	case *everybody:
		ended, err = all.EndAll(ctx)
		auditRevoked(ctx, log, "all", ended)
	default:
		ended, err = endUser(ctx, all, log, *user)
	}
	if err == nil || ended > 0 {
		fmt.Fprintf(e.stdout, "%d sessions ended\n", ended)
	}
	return err
}

// endUser ends the sessions of the person with that key, or of everybody with
// that user name: Microsoft may have given it to more than one person in turn,
// and takes it in any case.
func endUser(ctx context.Context, all *session.Sessions, log *slog.Logger, user string) (int, error) {
	people, err := all.List(ctx)
	if err != nil {
		return 0, err
	}
	ended, known := 0, false
	for _, p := range people {
		if p.Key != user && !strings.EqualFold(p.Name, user) {
			continue
		}
		known = true
		n, err := all.EndPerson(ctx, p.Key)
		auditRevoked(ctx, log, server.HashUser(p.Key), n)
		ended += n
		if err != nil {
			return ended, err
		}
	}
	if !known {
		return 0, fmt.Errorf("nobody called %q is signed in", user)
	}
	return ended, nil
}

// auditRevoked writes the audit line of one person's sessions, or of all. No
// server could: they only find that the sessions are gone.
func auditRevoked(ctx context.Context, log *slog.Logger, user string, ended int) {
	log.Log(ctx, server.LevelAudit, "audit", "event", "sessions revoked by the operator", "user", user, "sessions", ended)
}
