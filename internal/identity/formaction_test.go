package identity

import "testing"

func TestFormAction(t *testing.T) {
	t.Parallel()
	const live = "https://login.microsoftonline.com https://login.live.com"
	for _, tt := range []struct{ host, tenant, want string }{
		{"", "common", live},
		{"", "consumers", live},
		{"", "organizations", "https://login.microsoftonline.com"},
		{"", "contoso.example", "https://login.microsoftonline.com"},
		{"https://login.microsoftonline.us/", "common", "https://login.microsoftonline.us"},
	} {
		p, err := New(Config{App: App{ClientID: "app", Tenant: tt.tenant, AuthorityHost: tt.host, RedirectURL: "https://daybook.example/auth/callback"},
			Credential: Credential{Secret: "secret"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.FormAction(); got != tt.want {
			t.Errorf("FormAction() at %q for %s = %q, want %q", tt.host, tt.tenant, got, tt.want)
		}
		p.Close()
	}
}
