package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
)

// A Credential is how the app proves to Microsoft that it is the app: exactly
// one of the fields.
type Credential struct {
	Secret             string // client secret
	CertificatePath    string // PEM file with certificate and unencrypted RSA key
	FederatedTokenFile string // file with a token of another issuer; read anew for each use, since it is replaced often
}

var errCredential = errors.New("the credential cannot be read")

func (c Credential) open() (confidential.Credential, error) {
	var none confidential.Credential
	given := 0
	for _, field := range []string{c.Secret, c.CertificatePath, c.FederatedTokenFile} {
		if field != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return none, errors.New("exactly one of secret, certificate and federated token file must be given")
	case c.Secret != "":
		return confidential.NewCredFromSecret(c.Secret)
	case c.CertificatePath != "":
		pem, err := readSmall(c.CertificatePath)
		if err != nil {
			return none, fmt.Errorf("certificate: %w", err)
		}
		chain, key, err := confidential.CertFromPEM(pem, "")
		if err != nil {
			return none, fmt.Errorf("certificate %s: %w", c.CertificatePath, err)
		}
		cred, err := confidential.NewCredFromCert(chain, key)
		if err != nil {
			return none, fmt.Errorf("certificate %s: %w", c.CertificatePath, err)
		}
		return cred, nil
	}
	if _, err := readSmall(c.FederatedTokenFile); err != nil {
		return none, fmt.Errorf("federated token: %w", err)
	}
	path := c.FederatedTokenFile
	return confidential.NewCredFromAssertionCallback(func(context.Context, confidential.AssertionRequestOptions) (string, error) {
		token, err := readSmall(path)
		if err != nil {
			return "", fmt.Errorf("%w: %w", errCredential, err)
		}
		return strings.TrimSpace(string(token)), nil
	}), nil
}

// readSmall reads a credential's file; one that is empty or larger than any
// credential is a mistake.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 256 << 10
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if len(b) == 0 || len(b) > most {
		return nil, fmt.Errorf("%s is empty or too large", path)
	}
	return b, nil
}
