//go:build ignore

package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// take copies into testdata/cldr what generate reads of the packages in dir.
func take(dir string) error {
	if err := os.RemoveAll(kept); err != nil {
		return err
	}
	license, err := os.ReadFile(filepath.Join(dir, "cldr-core/LICENSE"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(kept, 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(kept, "LICENSE"), license, 0o666); err != nil {
		return err
	}
	for _, part := range []struct{ file, paths string }{
		{"cldr-core/package.json", "name version license"},
		{core + "/weekData.json", "supplemental/weekData/firstDay supplemental/weekData/weekendStart supplemental/weekData/weekendEnd"},
		{core + "/timeData.json", "supplemental/timeData"},
		{core + "/parentLocales.json", "supplemental/parentLocales/parentLocale"},
		{core + "/windowsZones.json", "supplemental/windowsZones/mapTimezones"},
	} {
		t, err := read(filepath.Join(dir, part.file))
		if err != nil {
			return err
		}
		small := prune(t, strings.Fields(part.paths))
		if part.file == core+"/parentLocales.json" {
			parents := at(small, "supplemental/parentLocales/parentLocale").(tree)
			maps.DeleteFunc(parents, func(k string, _ any) bool { return !ours(k) })
		}
		if part.file == core+"/windowsZones.json" {
			w := at(small, "supplemental/windowsZones").(tree)
			w["mapTimezones"] = slices.DeleteFunc(w["mapTimezones"].([]any), func(m any) bool {
				return at(m, "mapZone/_territory") != "001"
			})
		}
		if err := write(filepath.Join(kept, part.file), small); err != nil {
			return err
		}
	}
	return takeDates(dir)
}

// takeDates copies the date formats of every English and German locale that
// differs from its parent, and the words that belong to the two languages.
func takeDates(dir string) error {
	parent, err := parents()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(dir, dates))
	if err != nil {
		return err
	}
	zones, err := zones()
	if err != nil {
		return err
	}
	calendars := map[string]any{}
	for _, entry := range entries {
		loc := entry.Name()
		if !ours(loc) {
			continue
		}
		t, err := read(filepath.Join(dir, dates, loc, "ca-gregorian.json"))
		if err != nil {
			return err
		}
		calendars[loc] = at(prune(t, calendarPaths(loc)), "main/"+loc)
	}
	for loc, calendar := range calendars {
		if up := parentOf(loc, parent); up != "" && reflect.DeepEqual(calendar, calendars[up]) {
			continue
		}
		if err := write(filepath.Join(kept, dates, loc, "ca-gregorian.json"), tree{"main": tree{loc: calendar}}); err != nil {
			return err
		}
	}
	for _, lang := range []string{"en", "de"} {
		t, err := read(filepath.Join(dir, dates, lang, "dateFields.json"))
		if err != nil {
			return err
		}
		var paths []string
		for _, f := range []string{"day", "hour", "minute", "second"} {
			paths = append(paths, "main/"+lang+"/dates/fields/"+f)
		}
		if err := write(filepath.Join(kept, dates, lang, "dateFields.json"), prune(t, paths)); err != nil {
			return err
		}
		if t, err = read(filepath.Join(dir, dates, lang, "timeZoneNames.json")); err != nil {
			return err
		}
		paths = nil
		for _, z := range zones {
			for _, id := range []string{z, oldNames[z]} {
				paths = append(paths, "main/"+lang+"/dates/timeZoneNames/zone/"+id+"/exemplarCity")
			}
		}
		if err := write(filepath.Join(kept, dates, lang, "timeZoneNames.json"), prune(t, paths)); err != nil {
			return err
		}
	}
	return nil
}

// calendarPaths lists what generate reads of one locale's ca-gregorian.json.
func calendarPaths(loc string) []string {
	paths := strings.Fields(`months/format months/stand-alone
		days/format/wide days/format/abbreviated days/format/narrow
		days/stand-alone/wide days/stand-alone/abbreviated days/stand-alone/narrow
		dayPeriods/format/abbreviated/am dayPeriods/format/abbreviated/pm
		dateFormats/full dateFormats/long dateFormats/medium
		dateTimeFormats/intervalFormats/yMMMd/d dateTimeFormats/intervalFormats/yMMMd/M
		dateTimeFormats/intervalFormats/yMMMd/y`)
	for _, s := range strings.Fields("MMMMd yMMMM MMMd MMMMEEEEd MMMMEd MMMEd hm Hm h") {
		paths = append(paths, "dateTimeFormats/availableFormats/"+s)
	}
	for i := range paths {
		paths[i] = "main/" + loc + "/dates/calendars/gregorian/" + paths[i]
	}
	return paths
}

// prune returns the part of t that is at or below the paths.
func prune(t tree, paths []string) tree {
	small := tree{}
	for _, p := range paths {
		value := at(t, p)
		if value == nil {
			continue
		}
		keys := strings.Split(p, "/")
		into := small
		for _, k := range keys[:len(keys)-1] {
			if into[k] == nil {
				into[k] = tree{}
			}
			into = into[k].(tree)
		}
		into[keys[len(keys)-1]] = value
	}
	return small
}

func write(file string, t tree) error {
	data, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o666)
}
