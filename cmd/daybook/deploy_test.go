package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"daybook/internal/config"
)

const root = "../.."

// composeProject reads docker-compose.yml as Docker Compose does, beside a .env
// with the given content, or without one.
func composeProject(t *testing.T, dotenv string, profiles ...string) *types.Project {
	t.Helper()
	return composeBeside(t, dotenv, "", profiles...)
}

// composeBeside is composeProject beside a docker-compose.override.yml with the
// given content, or without one.
func composeBeside(t *testing.T, dotenv, override string, profiles ...string) *types.Project {
	t.Helper()
	dir := t.TempDir()
	source, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	if dotenv != "" {
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(dotenv), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{filepath.Join(dir, "docker-compose.yml")}
	if override != "" {
		files = append(files, filepath.Join(dir, "docker-compose.override.yml"))
		if err := os.WriteFile(files[1], []byte(override), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	options, err := cli.NewProjectOptions(files,
		cli.WithWorkingDirectory(dir), cli.WithEnvFiles(), cli.WithDotEnv, cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return project
}

// settings is the environment of the container daybook, with the file that
// another container makes put where a test can read it.
func settings(t *testing.T, project *types.Project) []string {
	t.Helper()
	url := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(url, []byte("redis://:password@redis:6379/0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var environ []string
	for name, value := range project.Services["daybook"].Environment {
		if name == "REDIS_URL_FILE" {
			value = &url
		}
		if value != nil {
			environ = append(environ, name+"="+*value)
		}
	}
	return environ
}

func TestComposeServesTheDemo(t *testing.T) {
	t.Parallel()
	for _, dotenv := range []string{"", "LOG_LEVEL=debug\n"} {
		c, err := config.Load(settings(t, composeProject(t, dotenv)), "")
		if err != nil {
			t.Fatalf("with .env %q: %v", dotenv, err)
		}
		if !c.Demo || c.Session.Store != config.InRedis || c.Web.BaseURL.String() != "http://localhost:8080" || c.Web.ListenAddr != "0.0.0.0:8080" {
			t.Errorf("with .env %q: Demo, Store, BaseURL, ListenAddr = %v, %v, %v, %v", dotenv, c.Demo, c.Session.Store, c.Web.BaseURL, c.Web.ListenAddr)
		}
	}
}

func TestComposeServesTheRealThing(t *testing.T) {
	t.Parallel()
	dotenv := `AZURE_CLIENT_ID=1b4e28ba-2fa1-11d2-883f-0016d3cca427
AZURE_TENANT_ID=contoso.onmicrosoft.com
AZURE_CLIENT_SECRET=abc~DEF.ghi
BASE_URL=https://calendar.example.com
REDIS_URL=redis://localhost:6379
SESSION_SECRET=q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA4tX2wLq9vPw==
`
	project := composeProject(t, dotenv, "tls")
	c, err := config.Load(settings(t, project), "")
	if err != nil {
		t.Fatal(err)
	}
	if c.Demo || c.Session.Store != config.InRedis || c.Web.BaseURL.Host != "calendar.example.com" || c.Microsoft.Credential.Secret.Reveal() != "abc~DEF.ghi" {
		t.Errorf("Demo, Store, BaseURL = %v, %v, %v", c.Demo, c.Session.Store, c.Web.BaseURL)
	}
	if site := project.Services["caddy"].Environment["SITE"]; site == nil || *site != "https://calendar.example.com" {
		t.Errorf("Caddy serves %v, want BASE_URL", site)
	}
}

func TestComposeIsHardened(t *testing.T) {
	t.Parallel()
	all := composeProject(t, "", "tls")
	if _, in := composeProject(t, "").Services["caddy"]; in {
		t.Error("Caddy starts without the profile tls")
	}
	var names []string
	for name, service := range all.Services {
		names = append(names, name)
		if !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") || service.Privileged {
			t.Errorf("%s: read-only %v, drops %v, %v", name, service.ReadOnly, service.CapDrop, service.SecurityOpt)
		}
		if name == "redis-password" {
			continue // ends when it is done
		}
		if service.Restart != types.RestartPolicyUnlessStopped {
			t.Errorf("%s: restart %q", name, service.Restart)
		}
		if service.HealthCheck == nil || len(service.HealthCheck.Test) < 2 {
			t.Errorf("%s has no health check", name)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"caddy", "daybook", "redis", "redis-password"}, names); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	for _, port := range all.Services["daybook"].Ports {
		if port.HostIP != "127.0.0.1" || port.Published != "8080" || port.Target != 8080 {
			t.Errorf("daybook publishes %+v, want 8080 on this machine alone", port)
		}
	}
	if policy := all.Services["daybook"].PullPolicy; policy != types.PullPolicyBuild {
		t.Errorf("daybook is built by pull_policy %q: an upgrade would start the image of before", policy)
	}
	redis := all.Services["redis"]
	if d := redis.DependsOn["redis-password"]; !d.Restart {
		t.Error("redis goes on with the users of before when those of redis-password change")
	}
	if len(redis.Ports) != 0 || !all.Networks["store"].Internal || !slices.Equal(slices.Collect(maps.Keys(redis.Networks)), []string{"store"}) {
		t.Errorf("redis is reachable by others: ports %v, networks %v", redis.Ports, redis.Networks)
	}
	if redis.Image != "redis:7-alpine" {
		t.Errorf("redis is %s", redis.Image)
	}
	if d := all.Services["daybook"].DependsOn["redis"]; d.Condition != types.ServiceConditionHealthy {
		t.Errorf("daybook waits for redis to be %q", d.Condition)
	}
	if user := redis.User; user == "" || strings.HasPrefix(user, "0") {
		t.Errorf("redis runs as user %q", user)
	}
}

// Dockerfile is read by BuildKit's own parser and linter.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	source, err := os.Open(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	file, err := parser.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range file.Warnings {
		t.Errorf("Dockerfile: %s", warning.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		t.Errorf("Dockerfile: %s: %s", rule, message)
	}})
	stages, _, err := instructions.Parse(file.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) < 2 {
		t.Fatalf("%d stages, want the build and the image", len(stages))
	}
	goVersion := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(readFile(t, "go.mod"))[1]
	if got := stages[0].BaseName; got != "golang:"+goVersion {
		t.Errorf("built with %s, go.mod says %s", got, goVersion)
	}
	image := stages[len(stages)-1]
	if image.BaseName != "scratch" {
		t.Errorf("the image is made from %s, want scratch: no shell, no packages", image.BaseName)
	}

	var got []string
	for _, command := range image.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			got = append(got, "user "+c.User)
		case *instructions.EntrypointCommand:
			got = append(got, "run "+strings.Join(c.CmdLine, " "))
		case *instructions.HealthCheckCommand:
			got = append(got, strings.Join(c.Health.Test, " "))
		case *instructions.CopyCommand:
			got = append(got, "copy "+c.DestPath+" "+c.Chown)
		case *instructions.RunCommand:
			t.Errorf("RUN %v needs a shell, which the image lacks", c.CmdLine)
		}
	}
	want := []string{
		"copy /etc/ssl/certs/ca-certificates.crt ", "copy /data 65532:65532", "copy /daybook ",
		"user 65532:65532", "CMD /daybook healthcheck", "run /daybook",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the image (-want +got):\n%s", diff)
	}
	build := fmt.Sprint(stages[0].Commands[len(stages[0].Commands)-1])
	for _, word := range []string{"CGO_ENABLED=0", "-trimpath"} {
		if !strings.Contains(build, word) {
			t.Errorf("the build lacks %s: %s", word, build)
		}
	}
}

// Nothing secret gets into the image's build.
func TestDockerignore(t *testing.T) {
	t.Parallel()
	lines := strings.Split(readFile(t, ".dockerignore"), "\n")
	for _, name := range []string{".env", "/data", "/dist", "/bin"} {
		if !slices.Contains(lines, name) {
			t.Errorf(".dockerignore lacks %s", name)
		}
	}
}

// systemd rates the unit's sandbox from 0 (best) to 10.
func TestServiceUnit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd")
	}
	unit := filepath.Join(root, "deploy", "daybook.service")
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager", unit).CombinedOutput()
	rated := regexp.MustCompile(`Overall exposure level for daybook\.service: ([0-9.]+)`).FindSubmatch(out)
	if err != nil || rated == nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	exposure, err := strconv.ParseFloat(string(rated[1]), 64)
	if err != nil || exposure > 2.0 {
		t.Errorf("exposure %s, want 2.0 or less\n%s", rated[1], out)
	}

	// Of what verify finds, only that the program is not installed here is
	// no fault of the unit's.
	out, _ = exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "daybook.service") && !strings.Contains(line, "/usr/local/bin/daybook is not executable") {
			t.Errorf("systemd-analyze verify: %s", line)
		}
	}
	text := readFile(t, "deploy/daybook.service")
	for _, want := range []string{"Type=notify", "DynamicUser=yes", "StateDirectory=daybook", "LoadCredential=azure_client_secret:", "AZURE_CLIENT_SECRET_FILE=%d/azure_client_secret"} {
		if !strings.Contains(text, want) {
			t.Errorf("daybook.service lacks %s", want)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// STOP_DELAY is at most five seconds, requests get stopTimeout, and a refresh
// with its attempts to store what it brought is bounded by 45 seconds then.
func TestStopTimes(t *testing.T) {
	t.Parallel()
	const least = 5*time.Second + stopTimeout + 45*time.Second
	if got := composeProject(t, "").Services["daybook"].StopGracePeriod; got == nil || time.Duration(*got) < least {
		t.Errorf("docker-compose.yml: stop_grace_period is %v, want %v or more", got, least)
	}
	unit, err := os.ReadFile(filepath.Join(root, "deploy/daybook.service"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^TimeoutStopSec=(.+)$`).FindSubmatch(unit)
	if found == nil {
		t.Fatal("daybook.service has no TimeoutStopSec")
	}
	if got, err := time.ParseDuration(string(found[1])); err != nil || got < least {
		t.Errorf("daybook.service: TimeoutStopSec=%s, want %v or more", found[1], least)
	}
}
