package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func block(kind string, der []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func certificateFor(key crypto.Signer) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return block("CERTIFICATE", der, err)
}

func pkcs8(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return block("PRIVATE KEY", der, err)
}

// Each mistake of a credential's file is one of its variable, and quotes
// nothing of the file.
func TestLoadCredentialFiles(t *testing.T) {
	t.Parallel()
	one, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curveDER, err := x509.MarshalECPrivateKey(curve)
	legacy := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("x")}))
	const certificate, token = "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"
	for _, tt := range []struct{ name, variable, content, want string }{
		{"pkcs8", certificate, certificateFor(one) + pkcs8(one), ""},
		{"pkcs1 and a chain", certificate, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(one), nil) + certificateFor(other) + certificateFor(one), ""},
		{"empty", certificate, "", "names an empty file"},
		{"too large", certificate, strings.Repeat("a", maxCredentialFile+1), "too large"},
		{"not pem", certificate, "hunter2", "without a certificate"},
		{"no key", certificate, certificateFor(one), "without a private key"},
		{"no certificate", certificate, pkcs8(one), "without a certificate"},
		{"damaged certificate", certificate, block("CERTIFICATE", []byte("hunter2"), nil) + pkcs8(one), "CERTIFICATE cannot be read"},
		{"damaged key", certificate, certificateFor(one) + block("PRIVATE KEY", []byte("hunter2"), nil), "PRIVATE KEY cannot be read"},
		{"encrypted key", certificate, certificateFor(one) + block("ENCRYPTED PRIVATE KEY", []byte("x"), nil), "encrypted private key"},
		{"encrypted key of old", certificate, certificateFor(one) + legacy, "encrypted private key"},
		{"curve", certificate, certificateFor(curve) + pkcs8(curve), "not an RSA key"},
		{"curve of old", certificate, certificateFor(curve) + block("EC PRIVATE KEY", curveDER, err), "not an RSA key"},
		{"two keys", certificate, certificateFor(one) + pkcs8(one) + pkcs8(other), "several private keys"},
		{"another's key", certificate, certificateFor(one) + pkcs8(other), "does not belong"},
		{"token", token, "eyJ.a.b\n", ""},
		{"empty token", token, " \n", "names an empty file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load([]string{"AZURE_CLIENT_ID=" + appID, "AZURE_TENANT_ID=common", tt.variable + "=" + path}, "")
			if tt.want == "" {
				if err != nil {
					t.Errorf("Load = %v", err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), tt.variable+": ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load = %v, want a mistake of %s with %q", err, tt.variable, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the mistake quotes the file: %v", err)
			}
		})
	}
}
