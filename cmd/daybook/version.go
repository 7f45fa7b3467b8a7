package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version describes a build in one line: the module's version, which Go takes
// from the Git tag, the commit, and what it was built with and for.
func version(build *debug.BuildInfo) string {
	if build == nil {
		return fmt.Sprintf("daybook of unknown version (%s %s/%s)", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	}
	settings := make(map[string]string)
	for _, s := range build.Settings {
		settings[s.Key] = s.Value
	}
	module := build.Main.Version
	if module == "" {
		module = "(devel)"
	}
	commit := ""
	if revision := settings["vcs.revision"]; revision != "" {
		commit = "commit " + revision[:min(12, len(revision))]
		if settings["vcs.modified"] == "true" {
			commit += " with changes"
		}
		commit += ", "
	}
	return fmt.Sprintf("daybook %s (%s%s %s/%s)", module, commit, build.GoVersion, runtime.GOOS, runtime.GOARCH)
}
