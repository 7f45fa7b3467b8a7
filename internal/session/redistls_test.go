package session

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRedisTLS(t *testing.T) {
	t.Parallel()
	needRedis(t)
	folder := t.TempDir()
	right, other := filepath.Join(folder, "right"), filepath.Join(folder, "other")
	certificate(t, right)
	certificate(t, other)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	startRedis(t, "--tls-port", port, "--tls-cert-file", right+".crt", "--tls-key-file", right+".key",
		"--tls-auth-clients", "no", "--requirepass", "secret")
	open := func(url, ca string) *Redis {
		r, err := OpenRedis(url, RedisOptions{CAFile: ca})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r
	}
	r := open("rediss://:secret@"+address, right+".crt")
	for range 3 {
		if err := r.Ping(t.Context()); err != nil {
			t.Fatalf("Ping: %v", err)
		}
	}
	if n := r.pool.ActiveCount(); n != 1 {
		t.Errorf("%d connections, want 1 that is used again", n)
	}
	for name, r := range map[string]*Redis{
		"another authority": open("rediss://:secret@"+address, other+".crt"),
		"the system's":      open("rediss://:secret@"+address, ""),
		"another name":      open("rediss://:secret@localhost:"+port, right+".crt"),
		"no TLS":            open("redis://:secret@"+address, ""),
	} {
		if err := r.Ping(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Ping with %s = %v, want %v", name, err, ErrUnavailable)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

// certificate writes one for 127.0.0.1 that signs itself.
func certificate(t *testing.T, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: filepath.Base(name)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.WriteFile(name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	); err != nil {
		t.Fatal(err)
	}
}
