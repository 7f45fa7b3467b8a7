package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// A tenant is the first segment of an Entra path: one organisation, by id or
// by domain, or one of the names that stand for several.
type tenant struct {
	path   string // as endpoints of the discovery document repeat it
	issuer string // tenant part of the issuer: an id or the literal {tenantid}
	admits func(*Person) bool
}

// tenant resolves a path segment. Organisations are those that people of the
// simulator belong to.
func (s *Simulator) tenant(segment string) (tenant, bool) {
	segment = strings.ToLower(segment)
	switch segment {
	case "common":
		return tenant{segment, "{tenantid}", func(*Person) bool { return true }}, true
	case "organizations":
		return tenant{segment, "{tenantid}", func(p *Person) bool { return p.TenantID != consumers }}, true
	case "consumers", consumers:
		return tenant{segment, consumers, func(p *Person) bool { return p.TenantID == consumers }}, true
	}
	for _, p := range s.options.People {
		if id := strings.ToLower(p.TenantID); id == segment || p.domain() == segment && p.TenantID != consumers {
			return tenant{id, id, func(p *Person) bool { return strings.EqualFold(p.TenantID, id) }}, true
		}
	}
	return tenant{}, false
}

// configuration answers with the OpenID Connect discovery document. Keys and
// values are those of recorded traffic; what Entra does not advertise
// (revocation, back-channel logout, PKCE methods) is absent here too.
func (s *Simulator) configuration(w http.ResponseWriter, r *http.Request) {
	t, found := s.tenant(r.PathValue("tenant"))
	if !found {
		s.tokenError(w, r, aadsts(90002))
		return
	}
	public, back := s.options.PublicURL+"/"+t.path, s.options.BackURL+"/"+t.path
	s.commonHeaders(w, r)
	w.Header().Set("Cache-Control", "max-age=86400, private")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Methods", "GET, OPTIONS")
	writeJSON(w, http.StatusOK, map[string]any{
		"token_endpoint":                        back + "/oauth2/v2.0/token",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"jwks_uri":                              back + "/discovery/v2.0/keys",
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"issuer":                                s.issuer(t.issuer),
		"request_uri_parameter_supported":       false,
		"userinfo_endpoint":                     s.options.BackURL + "/oidc/userinfo",
		"authorization_endpoint":                public + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint":         back + "/oauth2/v2.0/devicecode",
		"http_logout_supported":                 true,
		"frontchannel_logout_supported":         true,
		"end_session_endpoint":                  public + "/oauth2/v2.0/logout",
		"claims_supported": []string{"sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name",
			"msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver",
			"at_hash", "c_hash", "email"},
		"kerberos_endpoint":     back + "/kerberos",
		"tenant_region_scope":   nil,
		"cloud_instance_name":   s.back.Host,
		"cloud_graph_host_name": "graph.windows.net",
		"msgraph_host":          s.back.Host,
		"rbac_url":              "https://pas.windows.net",
	})
}

// issuer returns the iss claim for a tenant id.
func (s *Simulator) issuer(tenantID string) string {
	return s.options.BackURL + "/" + tenantID + "/v2.0"
}

// instance answers instance discovery, by which MSAL asks which names a cloud
// has.
func (s *Simulator) instance(w http.ResponseWriter, r *http.Request) {
	u, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	if err != nil || !strings.EqualFold(u.Host, s.back.Host) && !strings.EqualFold(u.Host, s.public.Host) {
		s.tokenError(w, r, aadsts(50049))
		return
	}
	segment, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	s.commonHeaders(w, r)
	w.Header().Set("Cache-Control", "max-age=86400, private")
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": s.issuer(segment) + "/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []map[string]any{{
			"preferred_network": s.back.Host,
			"preferred_cache":   s.back.Host,
			"aliases":           []string{s.back.Host},
		}},
	})
}

// keys answers with the signing keys (RFC 7517).
func (s *Simulator) keys(w http.ResponseWriter, r *http.Request) {
	t, found := s.tenant(r.PathValue("tenant"))
	if !found {
		s.tokenError(w, r, aadsts(90002))
		return
	}
	s.commonHeaders(w, r)
	w.Header().Set("Cache-Control", "max-age=86400, private")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	writeJSON(w, http.StatusOK, map[string]any{"keys": s.entra.keys.published(s.issuer(t.issuer))})
}

// commonHeaders sets what comes with every answer of Entra.
func (s *Simulator) commonHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("P3P", `CP="DSP CUR OTPi IND OTRi ONL FIN"`)
	h.Set("x-ms-request-id", guid())
	h.Set("x-ms-ests-server", "2.1.22000.1 - SIM ProdSlices")
	if s.public.Scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	if id := r.Header.Get("client-request-id"); id != "" && r.Header.Get("return-client-request-id") == "true" {
		h.Set("client-request-id", id)
	}
}

// tokenHeaders sets what comes with every answer of the token endpoint.
// Its cookies are Entra's own; clients do not keep them.
func (s *Simulator) tokenHeaders(w http.ResponseWriter, r *http.Request) {
	s.commonHeaders(w, r)
	h := w.Header()
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "-1")
	h.Add("Set-Cookie", "fpc="+random(16)+"; path=/; secure; HttpOnly; SameSite=None")
	h.Add("Set-Cookie", "x-ms-gateway-slice=estsfd; path=/; secure; HttpOnly; SameSite=None")
	h.Add("Set-Cookie", "stsservicecookie=estsfd; path=/; secure; HttpOnly; SameSite=None")
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
