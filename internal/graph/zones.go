package graph

//go:generate go run windowszones_gen.go

import (
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // machines without zone files know the zones too
)

// zoneAliases are names that Graph has been seen to use and CLDR does not
// list: Outlook's own, and Windows zones that were retired.
var zoneAliases = map[string]string{
	"tzone://microsoft/utc":       "UTC",
	"coordinated universal time":  "UTC",
	"mid-atlantic standard time":  "Atlantic/South_Georgia",
	"kamchatka standard time":     "Asia/Kamchatka",
	"mexico standard time":        "America/Mexico_City",
	"mexico standard time 2":      "America/Chihuahua",
	"us eastern standard time ii": "America/Indianapolis",
}

var zonePattern = regexp.MustCompile(`^[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}$`)

// ZoneFor returns the location for a Windows name (Unicode CLDR, windowsZones)
// or an IANA name. A Windows name means the zone of its main territory. Empty
// and custom zones, and names that mean whatever this machine is set to, are
// unknown.
func ZoneFor(name string) (*time.Location, bool) {
	name = strings.TrimSpace(name)
	lower := strings.ToLower(name)
	if iana, ok := windowsZones[lower]; ok {
		name = iana
	} else if iana, ok := zoneAliases[lower]; ok {
		name = iana
	}
	if !zonePattern.MatchString(name) {
		return nil, false
	}
	switch root, _, _ := strings.Cut(strings.ToLower(name), "/"); root {
	// Not zones but what zone folders hold beside them: the machine's own, and
	// copies that count leap seconds.
	case "local", "localtime", "posixrules", "factory", "posix", "right":
		return nil, false
	}
	loc, err := time.LoadLocation(name)
	return loc, err == nil
}
