package config

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestEnvironmentWinsOverDotenv(t *testing.T) {
	t.Parallel()
	path := write(t, "DEMO=1\nSESSION_LIFETIME=8h\nLOG_LEVEL=debug\n", 0o600)
	c, err := Load([]string{"SESSION_LIFETIME=4h", "LOG_LEVEL="}, path)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Demo || c.Session.Lifetime != 4*time.Hour || c.Log.Level != 0 {
		t.Errorf("Demo, Lifetime, Level = %v, %v, %v, want true, 4h, 0", c.Demo, c.Session.Lifetime, c.Log.Level)
	}
}

func TestDotenvIsOptional(t *testing.T) {
	t.Parallel()
	if _, err := Load(demo(), t.TempDir()+"/none"); err != nil {
		t.Errorf("Load(no such file) = %v, want nil", err)
	}
	if _, err := Load(demo(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("Load(a folder) = %v, want one line that it cannot be read", err)
	}
}

func TestMalformedDotenv(t *testing.T) {
	t.Parallel()
	tests := []struct{ content, want string }{
		{"LOG_LEVEL=info\n\nnonsense here\nLOG_FORMAT=json\n", "line 3 is not NAME=value"},
		{"LOG_LEVEL=info\nSESSION_SECRET=\"abc\nLOG_FORMAT=json\n", "line 2 is not NAME=value"},
		{"=x\n", "line 1 is not NAME=value"},
	}
	for _, test := range tests {
		path := write(t, test.content, 0o600)
		_, err := Load(demo(), path)
		if err == nil || !strings.HasPrefix(err.Error(), path+": "+test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Load(%q) = %v, want one line with %q", test.content, err, test.want)
		}
	}
}

func TestDotenvWarnings(t *testing.T) {
	t.Parallel()
	secret := "SESSION_SECRET=" + keyText(1) + "\n"
	tests := []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"misspelt", "SESION_STORE=redis\n", 0o600, "SESION_STORE is not a setting"},
		{"compose", "COMPOSE_PROFILES=tls\n", 0o600, ""},
		{"others may read", secret, 0o644, "holds SESSION_SECRET"},
		{"only the owner", secret, 0o600, ""},
		{"nothing secret", "LOG_LEVEL=debug\n", 0o644, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(demo(), write(t, test.content, test.mode))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(c.Warnings, "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("Warnings = %q, want %q", got, test.want)
			}
		})
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	file := write(t, keyText(3)+"\n", 0o600)
	dotenv := write(t, "SESSION_SECRET="+keyText(4)+"\n", 0o600)

	c, err := Load(demo("SESSION_SECRET_FILE="+file), dotenv)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Session.Secrets.Reveal(); len(got) != 1 || string(got[0]) != string(key(3)) {
		t.Errorf("the .env file's SESSION_SECRET won over the environment's SESSION_SECRET_FILE")
	}

	c, err = Load(real("AZURE_CLIENT_SECRET=", "AZURE_CLIENT_SECRET_FILE="+write(t, "from a file\r\n", 0o400)), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Microsoft.Credential.Secret.Reveal(); got != "from a file" {
		t.Errorf("AZURE_CLIENT_SECRET_FILE gave %q", got)
	}

	for content, want := range map[string]string{"\n": "empty file", strings.Repeat("x", maxSecretFile+1): "too large"} {
		_, err := Load(demo("SESSION_SECRET_FILE="+write(t, content, 0o600)), "")
		if err == nil || !strings.Contains(err.Error(), "SESSION_SECRET_FILE: names") || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(secret file of %d bytes) = %v, want %q", len(content), err, want)
		}
	}
}
