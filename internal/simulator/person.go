package simulator

import (
	"cmp"
	"strings"
)

// consumers is the tenant of personal Microsoft accounts (ID token claims
// reference, "tid").
const consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"

// A Person can sign in at the simulator and owns a mailbox there. Identity is
// ObjectID and TenantID together, as with Microsoft. A Person must not be
// changed once it was given to [New].
type Person struct {
	ObjectID string // oid, a GUID
	TenantID string // tid, a GUID
	Name     string // shown in the account picker and sent as the name claim
	Username string // preferred_username, also the e-mail address
	Note     string // one line in the account picker: what this person is there to show

	// HomeObjectID and HomeTenantID are set for a guest, whose client_info
	// names another tenant than the ID token does.
	HomeObjectID, HomeTenantID string

	NeedsConsent bool // has not yet agreed to any permission of the app

	mailbox *mailbox
}

// key names the person in the simulator's records.
func (p *Person) key() string { return p.TenantID + "." + p.ObjectID }

// home returns what client_info says: the person's account in the tenant that
// issued it, which for guests is not the tenant that they visit.
func (p *Person) home() (uid, utid string) {
	return cmp.Or(p.HomeObjectID, p.ObjectID), cmp.Or(p.HomeTenantID, p.TenantID)
}

// domain returns what follows the @ of the username, in lower case.
func (p *Person) domain() string {
	_, domain, _ := strings.Cut(p.Username, "@")
	return strings.ToLower(domain)
}
