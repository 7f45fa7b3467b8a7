package simulator

import (
	"sync"
	"time"

	_ "time/tzdata" // Exchange knows its zones whatever the machine knows
)

// zone is a time zone as Exchange names it.
type zone struct{ windows, iana, title string }

// zones are the Windows zones that this mailbox server knows, with their
// default places in CLDR (supplemental/windowsZones.xml, territory 001).
var zones = []zone{
	{"Dateline Standard Time", "Etc/GMT+12", "(UTC-12:00) International Date Line West"},
	{"Hawaiian Standard Time", "Pacific/Honolulu", "(UTC-10:00) Hawaii"},
	{"Alaskan Standard Time", "America/Anchorage", "(UTC-09:00) Alaska"},
	{"Pacific Standard Time", "America/Los_Angeles", "(UTC-08:00) Pacific Time (US & Canada)"},
	{"US Mountain Standard Time", "America/Phoenix", "(UTC-07:00) Arizona"},
	{"Mountain Standard Time", "America/Denver", "(UTC-07:00) Mountain Time (US & Canada)"},
	{"Central Standard Time", "America/Chicago", "(UTC-06:00) Central Time (US & Canada)"},
	{"Central Standard Time (Mexico)", "America/Mexico_City", "(UTC-06:00) Guadalajara, Mexico City, Monterrey"},
	{"SA Pacific Standard Time", "America/Bogota", "(UTC-05:00) Bogota, Lima, Quito, Rio Branco"},
	{"Eastern Standard Time", "America/New_York", "(UTC-05:00) Eastern Time (US & Canada)"},
	{"Atlantic Standard Time", "America/Halifax", "(UTC-04:00) Atlantic Time (Canada)"},
	{"Newfoundland Standard Time", "America/St_Johns", "(UTC-03:30) Newfoundland"},
	{"E. South America Standard Time", "America/Sao_Paulo", "(UTC-03:00) Brasilia"},
	{"Argentina Standard Time", "America/Buenos_Aires", "(UTC-03:00) City of Buenos Aires"},
	{"Azores Standard Time", "Atlantic/Azores", "(UTC-01:00) Azores"},
	{"UTC", "Etc/UTC", "(UTC) Coordinated Universal Time"},
	{"GMT Standard Time", "Europe/London", "(UTC+00:00) Dublin, Edinburgh, Lisbon, London"},
	{"Greenwich Standard Time", "Atlantic/Reykjavik", "(UTC+00:00) Monrovia, Reykjavik"},
	{"W. Europe Standard Time", "Europe/Berlin", "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"},
	{"Central Europe Standard Time", "Europe/Budapest", "(UTC+01:00) Belgrade, Bratislava, Budapest, Ljubljana, Prague"},
	{"Romance Standard Time", "Europe/Paris", "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris"},
	{"Central European Standard Time", "Europe/Warsaw", "(UTC+01:00) Sarajevo, Skopje, Warsaw, Zagreb"},
	{"W. Central Africa Standard Time", "Africa/Lagos", "(UTC+01:00) West Central Africa"},
	{"GTB Standard Time", "Europe/Bucharest", "(UTC+02:00) Athens, Bucharest"},
	{"Middle East Standard Time", "Asia/Beirut", "(UTC+02:00) Beirut"},
	{"Egypt Standard Time", "Africa/Cairo", "(UTC+02:00) Cairo"},
	{"South Africa Standard Time", "Africa/Johannesburg", "(UTC+02:00) Harare, Pretoria"},
	{"FLE Standard Time", "Europe/Kiev", "(UTC+02:00) Helsinki, Kyiv, Riga, Sofia, Tallinn, Vilnius"},
	{"Israel Standard Time", "Asia/Jerusalem", "(UTC+02:00) Jerusalem"},
	{"Turkey Standard Time", "Europe/Istanbul", "(UTC+03:00) Istanbul"},
	{"Arab Standard Time", "Asia/Riyadh", "(UTC+03:00) Kuwait, Riyadh"},
	{"E. Africa Standard Time", "Africa/Nairobi", "(UTC+03:00) Nairobi"},
	{"Arabian Standard Time", "Asia/Dubai", "(UTC+04:00) Abu Dhabi, Muscat"},
	{"Pakistan Standard Time", "Asia/Karachi", "(UTC+05:00) Islamabad, Karachi"},
	{"India Standard Time", "Asia/Calcutta", "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi"},
	{"Nepal Standard Time", "Asia/Katmandu", "(UTC+05:45) Kathmandu"},
	{"SE Asia Standard Time", "Asia/Bangkok", "(UTC+07:00) Bangkok, Hanoi, Jakarta"},
	{"China Standard Time", "Asia/Shanghai", "(UTC+08:00) Beijing, Chongqing, Hong Kong, Urumqi"},
	{"Singapore Standard Time", "Asia/Singapore", "(UTC+08:00) Kuala Lumpur, Singapore"},
	{"Tokyo Standard Time", "Asia/Tokyo", "(UTC+09:00) Osaka, Sapporo, Tokyo"},
	{"Korea Standard Time", "Asia/Seoul", "(UTC+09:00) Seoul"},
	{"AUS Eastern Standard Time", "Australia/Sydney", "(UTC+10:00) Canberra, Melbourne, Sydney"},
	{"Lord Howe Standard Time", "Australia/Lord_Howe", "(UTC+10:30) Lord Howe Island"},
	{"New Zealand Standard Time", "Pacific/Auckland", "(UTC+12:00) Auckland, Wellington"},
	{"Samoa Standard Time", "Pacific/Apia", "(UTC+13:00) Samoa"},
}

// locations holds each of the zones under all its names.
var locations = sync.OnceValue(func() map[string]*time.Location {
	all := make(map[string]*time.Location)
	for _, z := range zones {
		if loc, err := time.LoadLocation(z.iana); err == nil {
			all[z.windows], all[z.iana] = loc, loc
		}
	}
	return all
})

// zoneFor finds a zone by its Windows name, or by one of the few other names
// that Exchange takes.
func zoneFor(name string) (*time.Location, bool) {
	loc, ok := locations()[name]
	return loc, ok
}

// locate is zoneFor with UTC for what is empty or unknown.
func locate(name string) *time.Location {
	if loc, ok := zoneFor(name); ok {
		return loc
	}
	return time.UTC
}
