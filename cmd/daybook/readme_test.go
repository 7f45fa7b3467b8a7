package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

// The words of README.md that install Daybook on a VM can be pasted whole, and
// again for an upgrade, which keeps what the operator has written.
func TestReadmeInstalls(t *testing.T) {
	t.Parallel()
	_, script, _ := strings.Cut(readFile(t, "README.md"), "### On one VM")
	_, script, _ = strings.Cut(script, "```sh\n")
	script, _, _ = strings.Cut(script, "```")
	machine, source, programs := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{"etc/systemd/system", "etc/caddy", "usr/local/bin"} {
		if err := os.MkdirAll(filepath.Join(machine, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, content string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(source, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(source, ".env.example"), readFile(t, ".env.example"), 0o644)
	if err := os.CopyFS(filepath.Join(source, "deploy"), os.DirFS(filepath.Join(root, "deploy"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"install", "grep", "env"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(programs, name)); err != nil {
			t.Fatal(err)
		}
	}
	called := filepath.Join(machine, "called")
	write(filepath.Join(programs, "sudo"), "#!/bin/sh\nexec env \"$@\"\n", 0o755)
	write(filepath.Join(programs, "systemctl"), "#!/bin/sh\necho systemctl \"$@\" >>"+called+"\n", 0o755)
	// Debian's Caddy comes with a page of its own.
	write(filepath.Join(programs, "apt-get"), "#!/bin/sh\necho apt-get \"$@\" >>"+called+`
if [ "$1" = install ]; then
	echo ':80 {}' >`+machine+`/etc/caddy/Caddyfile
	printf '#!/bin/sh\n' >`+programs+`/caddy
	/bin/chmod 755 `+programs+`/caddy
fi
`, 0o755)
	paste := func(binary string) string {
		t.Helper()
		write(filepath.Join(source, "bin/daybook"), binary, 0o755)
		write(called, "", 0o644)
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-ec", strings.NewReplacer("/etc/", machine+"/etc/", "/usr/local/", machine+"/usr/local/").Replace(script))
		cmd.Dir, cmd.Env = source, []string{"PATH=" + programs}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(mustRead(t, called))
	}
	file := func(path string) string { return string(mustRead(t, filepath.Join(machine, path))) }

	if got := paste("old"); !strings.HasPrefix(got, "apt-get update\napt-get install -y caddy\n") || !strings.Contains(got, "systemctl daemon-reload\n") {
		t.Errorf("the first time it calls\n%s", got)
	}
	if file("etc/caddy/Caddyfile") != readFile(t, "deploy/Caddyfile") || file("etc/daybook/daybook.env") != readFile(t, ".env.example") || file("usr/local/bin/daybook") != "old" {
		t.Error("not all files are where they belong")
	}
	if file("etc/caddy/Caddyfile~") != ":80 {}\n" {
		t.Error("what Caddy served before is lost")
	}
	for _, name := range []string{"daybook.env", "azure_client_secret"} {
		stat, err := os.Stat(filepath.Join(machine, "etc/daybook", name))
		if err != nil || stat.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, stat, err)
		}
	}
	written := map[string]string{
		"etc/daybook/daybook.env": "BASE_URL=https://calendar.contoso.example\n", "etc/daybook/azure_client_secret": "secret",
		"etc/caddy/Caddyfile": "calendar.contoso.example {\n\treverse_proxy 127.0.0.1:8080\n}\n", // a few words of their own
	}
	for path, content := range written {
		write(filepath.Join(machine, path), content, 0o600)
	}
	write(filepath.Join(machine, "etc/systemd/system/daybook.service"), "old", 0o644)
	if got := paste("new"); strings.Contains(got, "apt-get") || !strings.Contains(got, "systemctl daemon-reload\n") {
		t.Errorf("the second time it calls\n%s", got)
	}
	for path, content := range written {
		if file(path) != content {
			t.Errorf("an upgrade overwrites %s", path)
		}
	}
	if file("usr/local/bin/daybook") != "new" || file("etc/systemd/system/daybook.service") != readFile(t, "deploy/daybook.service") {
		t.Error("an upgrade leaves the program or the unit as it was")
	}
}

// What README.md adds for metrics and for secrets in files keeps the rest: the
// metrics are published nowhere, and the files cannot be written to.
func TestReadmeOverridesCompose(t *testing.T) {
	t.Parallel()
	_, override, found := strings.Cut(readFile(t, "README.md"), "```yaml\n")
	override, _, _ = strings.Cut(override, "```")
	if !found {
		t.Fatal("README.md has no docker-compose.override.yml")
	}
	plain, project := composeProject(t, "").Services["daybook"], composeBeside(t, "", override)
	got := project.Services["daybook"]
	if addr := got.Environment["ADMIN_ADDR"]; addr == nil || *addr != "0.0.0.0:9090" || got.Environment["REDIS_URL_FILE"] == nil {
		t.Errorf("environment %v", got.Environment)
	}
	if diff := cmp.Diff(plain.Ports, got.Ports); diff != "" {
		t.Errorf("ports (-without +with):\n%s", diff)
	}
	if _, on := got.Networks["watching"]; !on || !project.Networks["watching"].Internal || len(got.Networks) != len(plain.Networks)+1 {
		t.Errorf("networks %v, of which watching is internal: %v", got.Networks, project.Networks["watching"].Internal)
	}
	certificate := got.Environment["AZURE_CLIENT_CERTIFICATE_PATH"]
	if certificate == nil || !slices.ContainsFunc(got.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.ReadOnly && v.Source == "/etc/daybook" && strings.HasPrefix(*certificate, v.Target+"/")
	}) || len(got.Volumes) != len(plain.Volumes)+1 {
		t.Errorf("certificate %v, volumes %v", certificate, got.Volumes)
	}
}
