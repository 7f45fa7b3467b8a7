package simulator

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

const graphResource = "https://graph.microsoft.com/"

// permissions are the delegated Graph permissions that can be asked for, as
// the consent page names them (Microsoft Graph permissions reference).
var permissions = map[string]string{
	"User.Read":             "Sign you in and read your profile",
	"User.ReadBasic.All":    "Read all users' basic profiles",
	"Calendars.Read":        "Read your calendars",
	"Calendars.ReadBasic":   "Read basic details of your calendars",
	"Calendars.Read.Shared": "Read calendars that others share with you",
	"Calendars.ReadWrite":   "Have full access to your calendars",
	"MailboxSettings.Read":  "Read your mailbox settings",
	"People.Read":           "Read your relevant people list",
	"Presence.Read":         "Read your presence information",
	"User.Read.All":         "Read all users' full profiles",
	"Directory.Read.All":    "Read directory data",
}

// restricted are those that only an administrator can agree to.
var restricted = map[string]bool{"user.read.all": true, "directory.read.all": true}

// usual is what people have agreed to from the start.
var usual = map[string]bool{"user.read": true, "calendars.read": true, "mailboxsettings.read": true}

// wanted are the scopes of a request, sorted.
type wanted struct {
	oidc  []string // openid, profile, email, offline_access
	graph []string // permissions, by their names in the reference
	long  bool     // asked for as https://graph.microsoft.com/…
}

// sortScopes sorts scopes or returns the number of what is wrong with them.
func sortScopes(scopes []string) (wanted, int) {
	var w wanted
	for _, scope := range scopes {
		switch lower := strings.ToLower(scope); {
		case slices.Contains([]string{"openid", "profile", "email", "offline_access"}, lower):
			w.oidc = append(w.oidc, lower)
		case strings.Contains(lower, "://") && !strings.HasPrefix(lower, graphResource):
			return w, 700022
		default:
			name, found := permission(strings.TrimPrefix(lower, graphResource))
			if !found {
				return w, 70011
			}
			w.graph = append(w.graph, name)
			w.long = w.long || strings.HasPrefix(lower, graphResource)
		}
	}
	if len(scopes) == 0 {
		return w, 28003
	}
	return w, 0
}

func permission(lower string) (name string, found bool) {
	for name := range permissions {
		if strings.ToLower(name) == lower {
			return name, true
		}
	}
	return "", false
}

// granted returns the permissions that the person has agreed to.
func (st *standing) granted() []string {
	var names []string
	for name := range permissions {
		if st.consented[strings.ToLower(name)] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// scope returns the scope value of the answer: all that the person has agreed
// to, not only what was asked, and never offline_access.
func (w wanted) scope(granted []string) string {
	names := []string{"openid", "profile", "email"}
	for _, name := range granted {
		if w.long {
			name = graphResource + name
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// claims is what the simulator understands of a claims parameter (OpenID
// Connect Core, section 5.5): the client capability cp1, and the challenge
// that Graph sent.
type claims struct {
	cae bool
	nbf int64
	bad bool
}

func parseClaims(raw string) claims {
	if raw == "" {
		return claims{}
	}
	var parsed struct {
		AccessToken struct {
			XmsCC struct{ Values []string } `json:"xms_cc"`
			NBF   struct{ Value string }    `json:"nbf"`
		} `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(raw), &parsed); err != nil {
		return claims{bad: true}
	}
	var c claims
	for _, value := range parsed.AccessToken.XmsCC.Values {
		c.cae = c.cae || strings.EqualFold(value, "cp1")
	}
	c.nbf, _ = strconv.ParseInt(parsed.AccessToken.NBF.Value, 10, 64)
	return c
}
