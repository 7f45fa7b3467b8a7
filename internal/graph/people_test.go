package graph

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A GIF of one pixel, as Graph has been seen to send for nobody.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

func TestPhoto(t *testing.T) {
	t.Parallel()
	const jpeg = "\xff\xd8\xff\xe0\x00\x10JFIF"
	for _, tt := range []struct {
		name   string
		status int
		stated string
		body   string
		want   string // type; empty: no photo
		fails  bool
	}{
		{"jpeg", 200, "image/jpeg", jpeg, "image/jpeg", false},
		{"jpeg that says otherwise", 200, "text/html", jpeg, "image/jpeg", false},
		{"png", 200, "image/png", "\x89PNG\x0D\x0A\x1A\x0A", "image/png", false},
		{"one pixel", 200, "image/gif", pixel, "", false},
		{"broken gif", 200, "image/gif", "GIF89a", "", false},
		{"page", 200, "image/jpeg", "<html><script>", "", false},
		{"svg", 200, "image/svg+xml", "<svg onload=x>", "", false},
		{"empty", 200, "image/jpeg", "", "", false},
		{"none", 404, "", `{"error":{"code":"ImageNotFound"}}`, "", false},
		{"failure", 500, "", "", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				if calls == 1 && r.URL.Path != "/v1.0/me/photos/96x96/$value" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.Header().Set("Content-Type", tt.stated)
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			for range 2 {
				p, err := c.Mailbox("o", new(staticTokens)).Photo(t.Context(), 90, false)
				if (err != nil) != tt.fails || p.Type != tt.want || (tt.want != "") != (len(p.Bytes) > 0) {
					t.Errorf("Photo = %q with %d bytes, %v; want %q", p.Type, len(p.Bytes), err, tt.want)
				}
			}
			if want := map[bool]int{false: 1, true: 2}[tt.fails || tt.status == 404]; calls != want {
				t.Errorf("calls = %d, want %d", calls, want)
			}
		})
	}
}

func TestPhotoSmallerThanAskedFor(t *testing.T) {
	t.Parallel()
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		if r.URL.Path != "/v1.0/me/photo/$value" {
			w.WriteHeader(404)
			return
		}
		io.WriteString(w, "\x89PNG\x0D\x0A\x1A\x0A")
	})
	p, err := c.Mailbox("o", new(staticTokens)).Photo(t.Context(), 240, false)
	if err != nil || p.Type != "image/png" {
		t.Errorf("Photo = %q, %v", p.Type, err)
	}
	if d := cmp.Diff([]string{"/v1.0/me/photos/240x240/$value", "/v1.0/me/photo/$value"}, asked); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
}

func TestFreshPeopleAreAskedFor(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		if r.URL.Path == "/v1.0/me/manager" {
			io.WriteString(w, `{"id":"1"}`)
			return
		}
		io.WriteString(w, "\x89PNG\x0D\x0A\x1A\x0A")
	})
	m := c.Mailbox("o", new(staticTokens))
	for _, fresh := range []bool{false, true, false} {
		if _, err := m.Photo(t.Context(), 0, fresh); err != nil {
			t.Error(err)
		}
		if _, err := m.Manager(t.Context(), fresh); err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff(map[string]int{"/v1.0/me/photo/$value": 2, "/v1.0/me/manager": 2}, asked); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
}

func TestPhotoSize(t *testing.T) {
	t.Parallel()
	for in, want := range map[int]int{1: 48, 48: 48, 49: 64, 100: 120, 504: 504, 505: 648, 5000: 648} {
		if got := photoSize(in); got != want {
			t.Errorf("photoSize(%d) = %d, want %d", in, got, want)
		}
	}
}

func TestManager(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		want   error
		calls  int
	}{{200, nil, 1}, {404, ErrNotFound, 1}, {403, ErrForbidden, 1}, {500, ErrUnavailable, 2}} {
		calls := 0
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			calls++
			w.WriteHeader(tt.status)
			if tt.status == 200 {
				io.WriteString(w, `{"@odata.type":"#microsoft.graph.user","id":"1","displayName":"Sara Davis"}`)
			}
		})
		for range 2 {
			p, err := c.Mailbox("o", new(staticTokens)).Manager(t.Context(), false)
			if !errors.Is(err, tt.want) || (err == nil) != (p.Name == "Sara Davis") {
				t.Errorf("status %d: %+v, %v", tt.status, p, err)
			}
		}
		if calls != tt.calls {
			t.Errorf("status %d: %d calls, want %d", tt.status, calls, tt.calls)
		}
	}
}
