package simulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // #nosec G505 -- x5t is defined over SHA-1 (RFC 7517, section 4.8)
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"sync"
	"time"
)

// A keyring holds the signing keys.
type keyring struct {
	now  func() time.Time
	mu   sync.Mutex
	keys []signingKey // the last one signs
}

type signingKey struct {
	*rsa.PrivateKey
	id          string
	certificate []byte // DER
}

// firstKey is what the simulators of a process sign with before they rotate.
// Making a key takes longer than many a test.
var firstKey = sync.OnceValue(func() signingKey { return newSigningKey(time.Now()) })

// RotateKeys signs from now on with a new key. The keys before it stay
// published, so that tokens signed with them remain valid.
func (s *Simulator) RotateKeys() {
	k := s.entra.keys
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) == 0 {
		k.keys = append(k.keys, firstKey())
	}
	k.keys = append(k.keys, newSigningKey(k.now()))
}

func (k *keyring) current() signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) == 0 {
		k.keys = append(k.keys, firstKey())
	}
	return k.keys[len(k.keys)-1]
}

// published returns the keys as JSON Web Keys.
func (k *keyring) published(issuer string) []map[string]any {
	k.current()
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []map[string]any
	for _, key := range k.keys {
		list = append(list, map[string]any{
			"kty": "RSA", "use": "sig", "kid": key.id, "x5t": key.id,
			"n":      base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e":      base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
			"x5c":    []string{base64.StdEncoding.EncodeToString(key.certificate)},
			"issuer": issuer,
		})
	}
	return list
}

func newSigningKey(now time.Time) signingKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // only without a source of randomness
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "simulated accounts.accesscontrol.windows.net"},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.AddDate(5, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err) // the template is always the same
	}
	sum := sha1.Sum(der) // #nosec G401 -- as above
	return signingKey{key, base64.RawURLEncoding.EncodeToString(sum[:]), der}
}

// sign returns the RS256 signature of an encoded header and payload.
func (k signingKey) sign(input string) []byte {
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.PrivateKey, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the key is ours and long enough
	}
	return signature
}
