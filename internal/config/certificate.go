package config

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxCredentialFile is how large the file of a credential may be, in bytes;
// package identity reads no more.
const maxCredentialFile = 256 << 10

// checkCertificate finds what would make Microsoft's client refuse the file, so
// that the mistake has the name of its variable.
func checkCertificate(variable, path string, r *report) {
	if content := checkCredentialFile(variable, path, r); content != nil {
		if err := usable(content); err != nil {
			r.wrong(variable, "%v", err)
		}
	}
}

// checkCredentialFile returns the file's content, nil if there is none to use.
func checkCredentialFile(variable, path string, r *report) []byte {
	content := checkReadable(variable, path, r)
	switch {
	case path == "" || r.has(variable):
	case len(bytes.TrimSpace(content)) == 0:
		r.wrong(variable, "names an empty file")
	case len(content) > maxCredentialFile:
		r.wrong(variable, "names a file that is too large for a credential")
	default:
		return content
	}
	return nil
}

// usable reports what keeps a PEM file from being a credential: it must hold
// one unencrypted RSA key and the certificate of that key. What the parsers
// say is left out, since it could quote the key.
func usable(content []byte) error {
	var certificates []*x509.Certificate
	var keys []any
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		var err error
		var key any
		switch {
		case block.Headers["DEK-Info"] != "" || block.Type == "ENCRYPTED PRIVATE KEY":
			return errors.New("names a file with an encrypted private key; decrypt it with: openssl pkcs8 -topk8 -nocrypt")
		case block.Type == "CERTIFICATE":
			var c *x509.Certificate
			c, err = x509.ParseCertificate(block.Bytes)
			certificates = append(certificates, c)
		case block.Type == "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case block.Type == "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case block.Type == "EC PRIVATE KEY":
			key = block.Type // not RSA, which is said below
		}
		if err != nil {
			return fmt.Errorf("names a file whose %s cannot be read", block.Type)
		}
		if key != nil {
			keys = append(keys, key)
		}
	}
	switch {
	case len(certificates) == 0:
		return errors.New("names a file without a certificate in PEM; it must hold certificate and private key")
	case len(keys) == 0:
		return errors.New("names a file without a private key in PEM; it must hold certificate and private key")
	case len(keys) > 1:
		return errors.New("names a file with several private keys")
	}
	key, ok := keys[0].(*rsa.PrivateKey)
	if !ok {
		return errors.New("names a file whose private key is not an RSA key")
	}
	for _, c := range certificates {
		if key.PublicKey.Equal(c.PublicKey) {
			return nil
		}
	}
	return errors.New("names a file whose private key does not belong to its certificate")
}
