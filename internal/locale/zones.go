package locale

import (
	"slices"
	"strings"
	"time"
)

// Zones returns the ids of IANA time zones to choose from, sorted: one for each
// zone that Windows has, and so for each that a Microsoft mailbox can be in
// (CLDR, windowsZones, territory 001), apart from bare offsets other than UTC.
// The caller owns the slice.
func Zones() []string { return slices.Clone(zones) }

// City returns the name of the place that an IANA time zone is named after:
// "Europe/Berlin" is "Berlin", in German "Europe/Warsaw" is "Warschau". For
// zones that [Zones] does not have it reads the id.
func (l *Locale) City(zone string) string {
	if city, ok := citiesOf[l.language][zone]; ok {
		return city
	}
	return strings.ReplaceAll(zone[strings.LastIndexByte(zone, '/')+1:], "_", " ")
}

// Offset returns how far the zone of t is from UTC at t: "UTC+01:00".
func Offset(t time.Time) string { return "UTC" + t.Format("-07:00") }
