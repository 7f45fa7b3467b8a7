package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	platform := runtime.GOOS + "/" + runtime.GOARCH
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	tests := []struct {
		name  string
		build *debug.BuildInfo
		want  string
	}{
		{"release", &debug.BuildInfo{
			GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"},
			Settings: []debug.BuildSetting{setting("vcs.revision", "0123456789abcdef"), setting("vcs.modified", "false")},
		}, "daybook v1.2.3 (commit 0123456789ab, go1.26.8 " + platform + ")"},
		{"changed", &debug.BuildInfo{
			GoVersion: "go1.26.8", Main: debug.Module{Version: "v0.0.0-x+dirty"},
			Settings: []debug.BuildSetting{setting("vcs.revision", "abc"), setting("vcs.modified", "true")},
		}, "daybook v0.0.0-x+dirty (commit abc with changes, go1.26.8 " + platform + ")"},
		{"no repository", &debug.BuildInfo{GoVersion: "go1.26.8"}, "daybook (devel) (go1.26.8 " + platform + ")"},
		{"no build information", nil, "daybook of unknown version (" + runtime.Version() + " " + platform + ")"},
	}
	for _, test := range tests {
		if got := version(test.build); got != test.want {
			t.Errorf("%s: version = %q, want %q", test.name, got, test.want)
		}
	}
}
