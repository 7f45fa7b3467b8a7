package session

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// sealVersion is the first byte of every sealed record.
const sealVersion = 1

// minSecret is the least number of bytes of a secret.
const minSecret = 32

// A keyring seals what leaves this process, and opens what comes back. Its
// first secret seals, all of them open, so that secrets can be rotated.
//
// A sealed record is
//
//	version (1 byte) | key id (8) | nonce (12) | ciphertext and tag (AES-256-GCM)
//
// The key id is derived from the secret and tells an instance that lacks the
// secret so, before it takes somebody else's record for damage. The key is
// derived from the secret, the purpose, the record's name and, for sessions,
// the cookie's value (HKDF-SHA256, RFC 5869), so each record has a key of its
// own; version, purpose and name are authenticated as well, so no record
// passes for another.
type keyring []sealingKey

type sealingKey struct {
	id     [8]byte
	secret []byte
}

// A sealError says why a record did not open. With ours it was sealed with one
// of our secrets in our format and has been damaged since; otherwise it may be
// good for another instance.
type sealError struct {
	reason string
	ours   bool
}

func (e *sealError) Error() string { return e.reason }

func newKeyring(secrets [][]byte) (keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("session secret: none given")
	}
	var k keyring
	for i, secret := range secrets {
		if len(secret) < minSecret {
			return nil, fmt.Errorf("session secret %d: %d bytes, need %d", i+1, len(secret), minSecret)
		}
		key := sealingKey{secret: bytes.Clone(secret)}
		id, err := hkdf.Key(sha256.New, secret, nil, "daybook key id", len(key.id))
		if err != nil {
			return nil, fmt.Errorf("session secret %d: %w", i+1, err)
		}
		copy(key.id[:], id)
		k = append(k, key)
	}
	return k, nil
}

// seal seals plain as the record called name; token may be nil.
func (k keyring) seal(purpose, name string, token, plain []byte) ([]byte, error) {
	aead, err := k[0].cipher(purpose, name, token)
	if err != nil {
		return nil, err
	}
	record := make([]byte, 0, 1+len(k[0].id)+aead.Overhead()+len(plain))
	record = append(append(record, sealVersion), k[0].id[:]...)
	return aead.Seal(record, nil, plain, associated(purpose, name)), nil
}

// open returns what seal was given with the same purpose, name and token, or a
// *sealError.
func (k keyring) open(purpose, name string, token, record []byte) ([]byte, error) {
	if len(record) < 1+len(sealingKey{}.id) {
		return nil, &sealError{reason: "truncated"}
	}
	if record[0] != sealVersion {
		return nil, &sealError{reason: fmt.Sprintf("sealed in format %d", record[0])}
	}
	id, sealed := record[1:9], record[9:]
	for _, key := range k {
		if !bytes.Equal(key.id[:], id) {
			continue
		}
		aead, err := key.cipher(purpose, name, token)
		if err != nil {
			return nil, &sealError{reason: err.Error()}
		}
		plain, err := aead.Open(nil, nil, sealed, associated(purpose, name))
		if err != nil {
			return nil, &sealError{reason: "damaged", ours: true}
		}
		return plain, nil
	}
	return nil, &sealError{reason: "sealed with a secret that is not in SESSION_SECRET"}
}

func (k sealingKey) cipher(purpose, name string, token []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.secret, token, "daybook "+purpose+"\x00"+name, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// name is what a record about subject is called: whoever lacks the secret can
// neither tell whom it is about nor where to look. The version is part of it,
// so a later format uses other names.
func (k sealingKey) name(kind, subject string) string {
	mac := hmac.New(sha256.New, k.secret)
	fmt.Fprintf(mac, "daybook name %d %s\x00%s", sealVersion, kind, subject)
	return kind + "-" + hex.EncodeToString(mac.Sum(nil))
}

func associated(purpose, name string) []byte {
	return fmt.Appendf(nil, "%d %s\x00%s", sealVersion, purpose, name)
}
