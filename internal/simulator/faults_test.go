package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaultAnswers(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	_, refresh := g.tokens(g.adele)
	post := func() (*http.Response, string, error) {
		res, err := g.server.Client().PostForm(g.server.URL+"/"+contoso+"/oauth2/v2.0/token", url.Values{
			"client_id": {clientID}, "client_secret": {secret}, "grant_type": {"refresh_token"}, "refresh_token": {refresh}, "scope": {"User.Read openid offline_access"},
		})
		if err != nil {
			return nil, "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return res, string(body), err
	}
	tests := []struct {
		name  string
		fault Fault
		check func(res *http.Response, body string, err error) bool
	}{
		{"throttled", Fault{Status: 429, Header: http.Header{"retry-after": {"7"}}, Body: "slow down"}, func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 429 && res.Header.Get("Retry-After") == "7" && body == "slow down"
		}},
		{"garbage", Fault{Body: "<html>proxy</html>", Header: http.Header{"Content-Type": {"text/html"}}}, func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 200 && body == "<html>proxy</html>"
		}},
		{"header removed", Fault{Header: http.Header{"X-Ms-Clitelem": nil}}, func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 200 && res.Header.Get("X-Ms-Clitelem") == "" && json.Valid([]byte(body))
		}},
		{"OAuth error", Fault{OAuth: &OAuthError{AADSTS: 50076, Claims: `{"access_token":{"capolids":{}}}`}}, func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 400 && strings.Contains(body, `"error":"interaction_required"`) &&
				strings.Contains(body, `"suberror":"basic_action"`) && strings.Contains(body, `"claims":"{\"access_token\":`)
		}},
		{"OAuth error of one's own", Fault{OAuth: &OAuthError{AADSTS: 90033, Code: "server_error", Status: 503}}, func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 503 && strings.Contains(body, `"error":"server_error"`)
		}},
		{"truncated", Fault{Truncate: 20}, func(res *http.Response, body string, err error) bool {
			return err == nil && res.StatusCode == 200 && len(body) == 20 && !json.Valid([]byte(body))
		}},
		{"broken off", Fault{Truncate: 20, Drop: true}, func(res *http.Response, body string, err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) && len(body) == 20
		}},
		{"more than announced", Fault{Truncate: 20, Surplus: true, Header: http.Header{"Connection": {"close"}}}, func(res *http.Response, body string, err error) bool {
			return err == nil && res.ContentLength == 20 && len(body) == 20
		}},
		{"no answer", Fault{Drop: true}, func(res *http.Response, body string, err error) bool {
			return err != nil && res == nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fault := tt.fault
			fault.On, fault.Times = Token, 1
			g.Inject(fault)
			if res, body, err := post(); !tt.check(res, body, err) {
				t.Errorf("answer = %v %q, %v", res, body, err)
			}
			if res, body, err := post(); err != nil || res.StatusCode != 200 || !json.Valid([]byte(body)) {
				t.Errorf("the fault happened more than once: %v %q, %v", res, body, err)
			}
		})
	}
}

func TestFaultMatchAndTimes(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	code := g.signIn(g.adele)
	g.Inject(Fault{On: Token, Match: func(r *http.Request) bool { return r.PostForm.Get("grant_type") == "refresh_token" }, OAuth: &OAuthError{AADSTS: 70043}, Times: 2})
	g.Inject(Fault{On: Keys, Status: 500})
	body, res := g.redeem(g.adele, code)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the fault for refreshes hit a code: %v", body)
	}
	refresh := body["refresh_token"].(string)
	for range 2 {
		if body, _ := g.refresh(g.adele, refresh); number(body) != 70043 || body["suberror"] != "token_expired" {
			t.Errorf("refresh = %v, want 70043 token_expired", body)
		}
	}
	if body, res := g.refresh(g.adele, refresh); res.StatusCode != http.StatusOK {
		t.Errorf("third refresh = %v, want it granted", body)
	}
	keys := g.server.URL + "/" + contoso + "/discovery/v2.0/keys"
	for range 3 {
		if res := g.open(keys); res.StatusCode != 500 {
			t.Errorf("keys: %d, want 500 until ClearFaults", res.StatusCode)
		}
	}
	g.ClearFaults()
	if res := g.open(keys); res.StatusCode != 200 {
		t.Errorf("keys after ClearFaults: %d, want 200", res.StatusCode)
	}
	if got, want := g.Grants(), (Grants{Codes: 1, Refreshes: 1}); got != want {
		t.Errorf("Grants() = %+v, want %+v: a fault grants nothing", got, want)
	}
	if got, want := g.Count(Token), 4; got != want {
		t.Errorf("Count(Token) = %d, want %d: faults count", got, want)
	}
}

func TestFaultsOnPagesAndGraph(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	access, _ := g.tokens(g.adele)
	g.Inject(Fault{On: Authorize, Times: 1, OAuth: &OAuthError{AADSTS: 50076, Claims: `{"id_token":{}}`}})
	v := g.open(g.authorizeURL(contoso)).toApp(t)
	if v.Get("error") != "interaction_required" || v.Get("state") != "st&te" || v.Get("claims") != `{"id_token":{}}` {
		t.Errorf("redirect = %v, want interaction_required with claims and state", v)
	}
	g.Inject(Fault{On: Authorize, Times: 1, OAuth: &OAuthError{AADSTS: 50105}})
	if page := g.open(g.authorizeURL(contoso)); page.StatusCode != 400 || !strings.Contains(page.body, "AADSTS50105:") {
		t.Errorf("not assigned: %d, want Microsoft's own page", page.StatusCode)
	}
	g.Inject(Fault{On: Graph, Times: 1, OAuth: &OAuthError{Claims: `{"access_token":{"acrs":{}}}`}})
	if res := g.callGraph(access); res.StatusCode != 401 || !strings.Contains(res.Header.Get("WWW-Authenticate"), `insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6e319fQ=="`) {
		t.Errorf("Graph: %d %q, want the claims challenge", res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
	for _, on := range []Endpoint{Discovery, Logout} {
		g.Inject(Fault{On: on, Times: 1, Status: 503})
	}
	for _, path := range []string{"/v2.0/.well-known/openid-configuration", "/oauth2/v2.0/logout"} {
		if page := g.open(g.server.URL + "/" + contoso + path); page.StatusCode != 503 {
			t.Errorf("%s: %d, want 503", path, page.StatusCode)
		}
	}
}

// A barrier before the grant and one after it: what happens meanwhile, and
// what becomes of a request whose sender has gone.
func TestHold(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		g := newRig(t)
		g.SetStrict(true)
		_, refresh := g.tokens(g.adele)
		arrived, hold := make(chan struct{}), make(chan struct{})
		g.Inject(Fault{On: Token, Arrived: arrived, Hold: hold, Late: late, Times: 1})
		var wait sync.WaitGroup
		wait.Go(func() {
			if body, res := g.refresh(g.adele, refresh); res.StatusCode != http.StatusOK {
				t.Errorf("late %v: held refresh = %v", late, body)
			}
		})
		<-arrived
		want := 0
		if late {
			want = 1
		}
		if got := g.Grants().Refreshes; got != want {
			t.Errorf("late %v: %d refreshes granted while held, want %d", late, got, want)
		}
		close(hold)
		wait.Wait()
		if got := g.Grants().Refreshes; got != 1 {
			t.Errorf("late %v: %d refreshes granted, want 1", late, got)
		}
	}
}

func TestHoldEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		g := newRig(t)
		g.SetStrict(true)
		_, refresh := g.tokens(g.adele)
		client := &http.Client{Transport: g.Transport(nil)}
		arrived := make(chan struct{})
		g.Inject(Fault{On: Token, Arrived: arrived, Hold: make(chan struct{}), Late: late, Times: 1})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			form := url.Values{"client_id": {clientID}, "client_secret": {secret}, "grant_type": {"refresh_token"}, "refresh_token": {refresh}, "scope": {"openid"}}
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.server.URL+"/"+contoso+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
			if err != nil {
				ended <- err
				return
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			_, err = client.Do(req)
			ended <- err
		}()
		<-arrived
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatalf("late %v: error = %v, want context.Canceled", late, err)
		}
		// Gone before the grant: the token is unused. Gone after it: the token
		// is used up, which is the worst that can happen to a client.
		body, _ := g.refresh(g.adele, refresh)
		if used := number(body) == 50173; used != late {
			t.Errorf("late %v: refreshing again = %v", late, body)
		}
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		adele, _, _, _ := people()
		s := New(Options{PublicURL: "https://simulator.invalid", App: App{ClientID: clientID}, People: []*Person{adele}})
		client := &http.Client{Transport: s.Transport(nil), Timeout: 10 * time.Second}
		address := "https://simulator.invalid/" + contoso + "/v2.0/.well-known/openid-configuration"
		s.Inject(Fault{On: Discovery, Delay: 5 * time.Second, Times: 1})
		s.Inject(Fault{On: Discovery, Delay: 30 * time.Second, Times: 1})
		start := time.Now()
		res, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got, want := time.Since(start), 5*time.Second; got != want {
			t.Errorf("answered after %v, want %v", got, want)
		}
		start = time.Now()
		if _, err := client.Get(address); err == nil {
			t.Error("no error, want the client's time-out")
		}
		if got, want := time.Since(start), 10*time.Second; got != want {
			t.Errorf("timed out after %v, want %v", got, want)
		}
	})
}

func TestCalls(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	access, _ := g.tokens(g.adele)
	g.callGraph(access)
	g.callGraph("unknown")
	var token, graph []Call
	for _, call := range g.Calls() {
		switch call.On {
		case Token:
			token = append(token, call)
		case Graph:
			graph = append(graph, call)
		}
	}
	if len(token) != 1 || token[0].Form.Get("code_verifier") != verifier || token[0].Form.Get("client_secret") != secret || token[0].Status != 200 {
		t.Errorf("token calls = %+v, want one with its form", token)
	}
	if len(graph) != 2 || graph[0].Header.Get("Authorization") != "Bearer "+access || graph[0].Status != 200 || graph[1].Status != 401 {
		t.Errorf("Graph calls = %+v, want one answered 200 and one 401", graph)
	}
	for range maxCalls + 10 {
		g.Simulator.calls.answered(g.Simulator.calls.add(Call{On: Keys}), 200)
	}
	if got := len(g.Calls()); got > maxCalls || got < maxCalls/2 {
		t.Errorf("%d calls remembered, want between %d and %d", got, maxCalls/2, maxCalls)
	}
}
