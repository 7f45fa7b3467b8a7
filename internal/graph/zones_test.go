package graph

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestEveryZoneLoads(t *testing.T) {
	t.Parallel()
	if len(windowsZones) < 130 {
		t.Errorf("only %d Windows zones", len(windowsZones))
	}
	for _, table := range []map[string]string{windowsZones, zoneAliases} {
		for name, iana := range table {
			if loc, known := ZoneFor(name); !known || loc.String() != iana {
				t.Errorf("ZoneFor(%q) = %v, %v, want %s", name, loc, known, iana)
			}
		}
	}
}

func TestZoneFor(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Pacific Standard Time":   "America/Los_Angeles",
		"pacific standard time":   "America/Los_Angeles",
		" Tokyo Standard Time ":   "Asia/Tokyo",
		"UTC":                     "Etc/UTC",
		"utc":                     "Etc/UTC",
		"tzone://Microsoft/Utc":   "UTC",
		"Europe/Berlin":           "Europe/Berlin",
		"America/Argentina/Salta": "America/Argentina/Salta",
		"Etc/GMT+8":               "Etc/GMT+8",
	} {
		loc, known := ZoneFor(in)
		if !known || loc.String() != want {
			t.Errorf("ZoneFor(%q) = %v, %v, want %s", in, loc, known, want)
		}
	}
	for _, in := range []string{"", " ", "Local", "local", "localtime", "posixrules", "Factory", "posix/UTC", "right/UTC", "/etc/localtime",
		"../UTC", "Europe/../UTC", "Europe/", "Europe\\Berlin", "Nowhere/Land", "tzone://Microsoft/Custom", "Customized Time Zone",
		"GMT+6:30", "zone.tab", "Europe/Berlin\x00"} {
		if loc, known := ZoneFor(in); known {
			t.Errorf("ZoneFor(%q) = %v, want unknown", in, loc)
		}
	}
}

func TestZoneTableIsGenerated(t *testing.T) {
	t.Parallel()
	gobin, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs go")
	}
	out := filepath.Join(t.TempDir(), "windowszones.go")
	if b, err := exec.Command(gobin, "run", "windowszones_gen.go", "-out", out).CombinedOutput(); err != nil {
		t.Fatalf("go run windowszones_gen.go: %v\n%s", err, b)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("windowszones.go")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("windowszones.go is not what the generator writes; run go generate")
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body  string
		zone        string
		known       bool
		start, end  int
		days        int
		workZone    string
		replyStatus string
	}{
		{"fresh mailbox", `{}`, "UTC", false, 0, 0, 0, "UTC", ""},
		{"empty zone", `{"timeZone":"","workingHours":null,"language":null,"automaticRepliesSetting":null}`, "UTC", false, 0, 0, 0, "UTC", ""},
		{"unknown zone", `{"timeZone":"Customized Time Zone"}`, "UTC", false, 0, 0, 0, "UTC", ""},
		{"IANA", `{"timeZone":"Asia/Tokyo"}`, "Asia/Tokyo", true, 0, 0, 0, "Asia/Tokyo", ""},
		{"custom working hours", `{"timeZone":"Tokyo Standard Time","workingHours":{"daysOfWeek":["monday","FRIDAY","x"],"startTime":"09:00:00.0000000","endTime":"18:30:00.0000000",
			"timeZone":{"@odata.type":"#microsoft.graph.customTimeZone","bias":-200,"name":"Customized Time Zone","standardOffset":{"time":"02:00:00.0000000","dayOccurrence":4,"dayOfWeek":"sunday","month":5,"year":0}}}}`,
			"Asia/Tokyo", true, 540, 1110, 2, "Asia/Tokyo", ""},
		{"hours elsewhere", `{"timeZone":"UTC","workingHours":{"daysOfWeek":["monday"],"startTime":"00:00:00","endTime":"23:59:59.9999999","timeZone":{"name":"Pacific Standard Time"}}}`,
			"Etc/UTC", true, 0, 1440, 1, "America/Los_Angeles", ""},
		{"no sense", `{"workingHours":{"daysOfWeek":["monday"],"startTime":"18:00:00","endTime":"09:00:00"}}`, "UTC", false, 0, 0, 0, "UTC", ""},
		{"replies", `{"automaticRepliesSetting":{"status":"AlwaysEnabled"}}`, "UTC", false, 0, 0, 0, "UTC", "alwaysEnabled"},
		{"replies some day", `{"automaticRepliesSetting":{"status":"scheduled","scheduledStartDateTime":{"dateTime":"soon"}}}`, "UTC", false, 0, 0, 0, "UTC", "scheduled"},
	} {
		s, err := decodeSettings([]byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if s.Location.String() != tt.zone || s.ZoneKnown != tt.known || s.WorkStart != tt.start || s.WorkEnd != tt.end ||
			len(s.WorkDays) != tt.days || s.WorkZone.String() != tt.workZone || s.AutoReply.Status != tt.replyStatus {
			t.Errorf("%s: %+v", tt.name, s)
		}
	}
	s, err := decodeSettings([]byte(`{"automaticRepliesSetting":{"status":"Scheduled","scheduledStartDateTime":{"dateTime":"2026-11-23T09:00:00.0000000","timeZone":"Tokyo Standard Time"},
		"scheduledEndDateTime":{"dateTime":"2026-11-24T00:00:00.0000000","timeZone":"UTC"}}}`))
	if want := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC); err != nil || !s.AutoReply.Start.Equal(want) || s.AutoReply.End.Sub(want) != 24*time.Hour {
		t.Errorf("scheduled replies: %+v, %v", s.AutoReply, err)
	}
}
