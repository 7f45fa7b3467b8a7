package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"daybook/internal/graph"
	"daybook/internal/identity"
	"daybook/internal/session"
)

// A problem is an error that knows its page. Title and Text are English keys
// for package locale; a person reads them, so they say what to do next.
type problem struct {
	Status     int
	Title      string
	Text       string
	RetryAfter time.Duration // with 503 and 429
	Action     action        // the page's button; empty: back to the calendar
	Err        error         // for the log
}

// An action is a link offered on an error page.
type action struct{ Text, Href string }

func (p problem) Error() string {
	if p.Err == nil {
		return fmt.Sprintf("%d %s", p.Status, p.Title)
	}
	return fmt.Sprintf("%d %s: %v", p.Status, p.Title, p.Err)
}

func (p problem) Unwrap() error { return p.Err }

var errNotFound = problem{Status: http.StatusNotFound, Title: "There is nothing here.",
	Text: "The address may be mistyped, or what it led to is gone."}

func badRequest(title, text string) problem {
	return problem{Status: http.StatusBadRequest, Title: title, Text: text}
}

// formError explains why a form could not be parsed.
func formError(err error) problem {
	p := badRequest("This form could not be read.", "Please go back and try again.")
	if errors.As(err, new(*http.MaxBytesError)) {
		p.Status = http.StatusRequestEntityTooLarge
	}
	p.Err = err
	return p
}

// signInHref is where signing in begins.
const signInHref = "/auth/login"

// retryAfterDefault is what a 503 suggests when nobody named a time.
const retryAfterDefault = 10 * time.Second

func unavailable(title, text string, after time.Duration, err error) problem {
	if after <= 0 {
		after = retryAfterDefault
	}
	return problem{Status: http.StatusServiceUnavailable, Title: title, Text: text, RetryAfter: after, Err: err}
}

// explain decides which page an error becomes. Errors that send the browser
// to Microsoft are not here but in [Server.fail].
func explain(err error) problem {
	var (
		p  problem
		ie *identity.Error
		ge *graph.Error
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, session.ErrSignedOut):
		return problem{Status: http.StatusUnauthorized, Title: "You are signed out.",
			Text: "Your session has ended. Please sign in and try again.", Action: action{"Sign in with Microsoft", signInHref}, Err: err}
	case errors.Is(err, session.ErrUnavailable):
		return unavailable("Daybook cannot reach its session store at the moment.",
			"You are still signed in. Please try again in a moment.", 0, err)
	case errors.Is(err, graph.ErrNoMailbox):
		return problem{Status: http.StatusNotFound, Title: "This account has no calendar.",
			Text: "Microsoft has no mailbox for it, so there is no calendar to show. Your profile still works.", Action: action{"Profile", "/profile"}, Err: err}
	case errors.As(err, &ie):
		return explainIdentity(ie)
	case errors.As(err, &ge):
		return explainGraph(ge)
	case errors.Is(err, graph.ErrClosed):
		return unavailable("Daybook is just being restarted.", "You are still signed in. Please try again in a moment.", 0, err)
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable("Microsoft is taking too long to answer.",
			"You are still signed in. Please try again in a moment.", 0, err)
	}
	return problem{Status: http.StatusInternalServerError, Title: "Something went wrong in Daybook.",
		Text: "It is not your doing. Please try again; if it stays, give the reference below to whoever runs this Daybook.", Err: err}
}

func explainIdentity(e *identity.Error) problem {
	again := action{"Sign in again", signInHref}
	switch e.Problem {
	case identity.Declined:
		return problem{Status: http.StatusForbidden, Title: "You did not give Daybook permission.",
			Text: "Without it Daybook cannot read your calendar, so nothing was signed in or stored. If Microsoft said that an administrator must approve, please ask yours.", Action: again, Err: e}
	case identity.Blocked:
		return problem{Status: http.StatusForbidden, Title: "Your organisation does not allow this sign-in.",
			Text: "Please ask your administrator, and give them the reference below.", Action: again, Err: e}
	case identity.Misconfigured:
		return unavailable("Daybook's registration with Microsoft needs attention.",
			"Only the operator of this Daybook can mend it. You are not signed out by this.", time.Minute, e)
	case identity.Rejected:
		if e.Code == "tenant" {
			// Microsoft would send the same person back without asking.
			return problem{Status: http.StatusForbidden, Title: "Your organisation may not use this Daybook.",
				Text: "Please sign in with an account of another organisation, or ask whoever runs this Daybook.", Action: action{"Use another account", signInHref + "?switch=1"}, Err: e}
		}
		return problem{Status: http.StatusBadRequest, Title: "This sign-in could not be completed.",
			Text: "The answer that arrived does not belong to a sign-in of this browser. Nothing was stored. Please start again.", Action: again, Err: e}
	case identity.WrongPerson:
		return problem{Status: http.StatusUnauthorized, Title: "Please sign in again.",
			Text: "Microsoft answered for another person, so Daybook has signed you out.", Action: again, Err: e}
	case identity.SignIn, identity.Consent:
		return problem{Status: http.StatusUnauthorized, Title: "Please sign in again.",
			Text: "Microsoft asks you to confirm that it is you.", Action: again, Err: e}
	}
	return unavailable("Microsoft sign-in cannot be reached at the moment.",
		"You are still signed in. Please try again in a moment.", e.RetryAfter, e)
}

func explainGraph(e *graph.Error) problem {
	switch {
	case errors.Is(e, graph.ErrNotFound):
		return problem{Status: http.StatusNotFound, Title: "Microsoft no longer has this.",
			Text: "It may have been deleted or moved in the meantime.", Err: e}
	case e.Status == http.StatusUnauthorized:
		return problem{Status: http.StatusUnauthorized, Title: "Please sign in again.",
			Text: "Microsoft asks you to confirm that it is you.", Action: action{"Sign in again", signInHref}, Err: e}
	case errors.Is(e, graph.ErrForbidden):
		return problem{Status: http.StatusForbidden, Title: "Microsoft does not let Daybook read this.",
			Text: "Your organisation may need to allow it. Please ask your administrator.", Err: e}
	case e.Status == http.StatusTooManyRequests:
		return unavailable("Microsoft asks Daybook to slow down.",
			"You are still signed in. Please try again in a moment.", e.RetryAfter, e)
	}
	return unavailable("Microsoft 365 cannot be reached at the moment.",
		"You are still signed in. Please try again in a moment.", e.RetryAfter, e)
}

// toStrangers is what a page about an outage says to who has no session: that
// they are still signed in would be wrong, and the sign-in that it has ended is
// begun anew.
func (p problem) toStrangers(err error) problem {
	var ie *identity.Error
	if errors.As(err, &ie) && ie.Problem == identity.Unavailable || errors.Is(err, session.ErrUnavailable) {
		again := problem{Text: "Please try again in a moment.", Action: action{"Sign in again", signInHref}}
		p.Text, p.Action = again.Text, again.Action
	}
	return p
}

// fail answers a request whose handler returned err: a redirect to Microsoft
// where only that helps, otherwise a page. It logs what an operator needs, once.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		noteError(r, slog.LevelDebug, err)
		visitOf(r).gone = true
		return // the browser has gone away; nobody reads an answer
	}
	if s.sendToMicrosoft(w, r, err) {
		return
	}
	s.answer(w, r, err)
}

// answer gives the page that err becomes.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, err error) {
	p := explain(err)
	if visitOf(r).who == nil && !s.Sessions.Named(r) {
		p = p.toStrangers(err)
	}
	if p.Action.Href == signInHref && reads(r) {
		p.Action.Href += "?return_to=" + url.QueryEscape(pageOf(r))
	}
	level := slog.LevelInfo
	if p.Status >= 500 {
		level = slog.LevelError
	}
	noteError(r, level, err)
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	s.renderProblem(w, r, p)
}
