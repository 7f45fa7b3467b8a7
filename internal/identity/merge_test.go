package identity

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cacheOf writes a token cache from "section/key=secret@cached" words.
func cacheOf(t testing.TB, words string) []byte {
	t.Helper()
	whole := map[string]map[string]any{}
	for word := range strings.FieldsSeq(words) {
		path, value, _ := strings.Cut(word, "=")
		section, key, _ := strings.Cut(path, "/")
		secret, at, _ := strings.Cut(value, "@")
		if whole[section] == nil {
			whole[section] = map[string]any{}
		}
		whole[section][key] = map[string]string{"secret": secret, "cached_at": at}
	}
	if len(whole) == 0 {
		return nil
	}
	b, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decoded(t testing.TB, b []byte) (v map[string]any) {
	t.Helper()
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

func TestMerge(t *testing.T) {
	t.Parallel()
	const base = "AccessToken/a=1@10 RefreshToken/r=1@ Account/c=1@ AppMetadata/m=1@"
	tests := []struct{ name, base, ours, theirs, want string }{
		{"nothing", "", "", "", ""},
		{"ours alone", base, "AccessToken/a=2@20 RefreshToken/r=2@ Account/c=1@ AppMetadata/m=1@", base,
			"AccessToken/a=2@20 RefreshToken/r=2@ Account/c=1@ AppMetadata/m=1@"},
		{"theirs alone", base, base, "AccessToken/a=2@20", "AccessToken/a=2@20"},
		{"other scopes", base, base + " AccessToken/b=1@20", base + " AccessToken/c=1@21",
			base + " AccessToken/b=1@20 AccessToken/c=1@21"},
		{"both refreshed, theirs later", base, "AccessToken/a=2@20 RefreshToken/r=2@", "AccessToken/a=3@21 RefreshToken/r=3@",
			"AccessToken/a=3@21 RefreshToken/r=3@"},
		{"both refreshed, ours later", base, "AccessToken/a=2@22 RefreshToken/r=2@", "AccessToken/a=3@21 RefreshToken/r=3@",
			"AccessToken/a=2@22 RefreshToken/r=2@"},
		{"both refreshed, same second", base, "AccessToken/a=2@21 RefreshToken/r=2@", "AccessToken/a=3@21 RefreshToken/r=3@",
			"AccessToken/a=2@21 RefreshToken/r=2@"},
		{"refused token goes", base, "RefreshToken/r=1@ Account/c=1@ AppMetadata/m=1@", base, "RefreshToken/r=1@ Account/c=1@ AppMetadata/m=1@"},
		{"changed and deleted", base, "AccessToken/a=2@20 RefreshToken/r=2@", "RefreshToken/r=1@", "AccessToken/a=2@20 RefreshToken/r=2@"},
		{"theirs gone altogether", base, "AccessToken/a=2@20 RefreshToken/r=2@ AppMetadata/m=1@", "",
			"AccessToken/a=2@20 RefreshToken/r=2@ AppMetadata/m=1@"},
		{"ours gone altogether", base, "", "RefreshToken/r=2@ AppMetadata/m=1@", "RefreshToken/r=2@ AppMetadata/m=1@"},
		{"removed here", base, "", base, ""},
		{"removed there", base, base, "", ""},
		{"unknown section", "New/x=1@", "New/x=1@ New/y=1@", "New/x=1@ New/z=1@", "New/x=1@ New/y=1@ New/z=1@"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Merge(cacheOf(t, tt.base), cacheOf(t, tt.ours), cacheOf(t, tt.theirs))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(t, cacheOf(t, tt.want)), decoded(t, got)); diff != "" {
				t.Errorf("Merge (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMergeOddMembers(t *testing.T) {
	t.Parallel()
	got, err := Merge([]byte(`{"v":1,"x":{"a":1}}`), []byte(`{"x":{"a":1.0},"v":2}`), []byte(`{"v":1,"x":{"a":1,"b":null},"y":[1]}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded(t, []byte(`{"v":2,"x":{"a":1.0,"b":null},"y":[1]}`)), decoded(t, got)); diff != "" {
		t.Errorf("Merge (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"canary", "[1]", `"canary"`, `{"a":`} {
		if _, err := Merge([]byte(bad), nil, nil); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("Merge(%q) = %v, want an error without it", bad, err)
		}
	}
}

// TestMergeProperties: unchanged sides have no say, equal changes are one, and
// changes of different entries are all there, in either order.
func TestMergeProperties(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	random := func(from map[string]map[string]string, name string) map[string]map[string]string {
		to := map[string]map[string]string{}
		for section, entries := range from {
			to[section] = map[string]string{}
			for key, v := range entries {
				if r.IntN(5) > 0 {
					to[section][key] = v
				}
			}
		}
		for range r.IntN(4) {
			section := kindNames[r.IntN(len(kindNames))]
			if to[section] == nil {
				to[section] = map[string]string{}
			}
			to[section][fmt.Sprint(name, r.IntN(3))] = fmt.Sprint(name, r.Int())
		}
		return to
	}
	text := func(m map[string]map[string]string) []byte {
		var words []string
		for section, entries := range m {
			for key, v := range entries {
				words = append(words, section+"/"+key+"="+v+"@"+fmt.Sprint(r.IntN(9)))
			}
		}
		return cacheOf(t, strings.Join(words, " "))
	}
	merge := func(b, o, th []byte) map[string]any {
		m, err := Merge(b, o, th)
		if err != nil {
			t.Fatal(err)
		}
		return decoded(t, m)
	}
	for range 2000 {
		baseMap := random(nil, "base")
		base, x, y := text(baseMap), text(random(baseMap, "x")), text(random(baseMap, "y"))
		for name, pair := range map[string][2]map[string]any{
			"Merge(b, x, b)": {merge(base, x, base), decoded(t, x)},
			"Merge(b, b, x)": {merge(base, base, x), decoded(t, x)},
			"Merge(b, x, x)": {merge(base, x, x), decoded(t, x)},
		} {
			if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
				t.Fatalf("%s with b = %s, x = %s (-want +got):\n%s", name, base, x, diff)
			}
		}
		merged := merge(base, x, y)
		for side, m := range map[string]map[string]any{"x": decoded(t, x), "y": decoded(t, y)} {
			for section, entries := range m {
				for key, entry := range entries.(map[string]any) {
					if !strings.HasPrefix(key, side) {
						continue
					}
					got, _ := merged[section].(map[string]any)
					if !cmp.Equal(got[key], entry) {
						t.Fatalf("%s/%s of %s is lost: %v", section, key, side, merged)
					}
				}
			}
		}
	}
}

var kindNames = []string{accessTokens, refreshTokens, idTokens, accounts, appMetadata, "Unknown"}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"AccessToken":{"a":{"secret":"1","cached_at":"5"}}}`), []byte(`{"AccessToken":{"a":{"secret":"2","cached_at":6}}}`), []byte(`{}`))
	f.Add([]byte(`{"v":1}`), []byte(`{"v":{"":1}}`), []byte(`{"v":null}`))
	f.Fuzz(func(t *testing.T, base, ours, theirs []byte) {
		merged, err := Merge(base, ours, theirs)
		if err != nil {
			return
		}
		if len(merged) > 0 && !json.Valid(merged) {
			t.Fatalf("Merge made %q", merged)
		}
		if _, err := Contents(merged); err != nil {
			t.Fatalf("Contents of the merged = %v", err)
		}
		again, err := Merge(merged, merged, merged)
		if err != nil || !cmp.Equal(decoded(t, again), decoded(t, merged)) {
			t.Fatalf("Merge of equals = %s, %v, want %s", again, err, merged)
		}
	})
}

func TestContents(t *testing.T) {
	t.Parallel()
	i := newIDP()
	_, s := i.mustSignIn(t, i.provider(t), alice)
	held, err := Contents(s.bytes())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, h := range held {
		kinds = append(kinds, h.Kind)
		if h.Bytes <= 0 {
			t.Errorf("%+v has no size", h)
		}
		hasExpiry := h.Kind == "access token" || h.Kind == "ID token"
		if left := time.Until(h.Expires); hasExpiry != (left > 55*time.Minute && left < 65*time.Minute) {
			t.Errorf("%s expires in %v", h.Kind, left)
		}
	}
	if diff := cmp.Diff([]string{"ID token", "access token", "account", "app", "refresh token"}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if got := strings.Join(held[1].Scopes, " "); !strings.HasPrefix(got, "User.Read Calendars.Read MailboxSettings.Read") {
		t.Errorf("scopes = %q", got)
	}
	if text := fmt.Sprintf("%+v", held); strings.Contains(text, "canary") {
		t.Errorf("a secret is told: %s", text)
	}
	if _, err := Contents([]byte(`{"canary`)); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("Contents(damaged) = %v, want an error without it", err)
	}
}
