package graph

import (
	"fmt"
	"strconv"
	"strings"
)

// A Calendar is one list of events that the person may see.
type Calendar struct {
	ID      string // opaque; Microsoft does not promise that it stays: match again by owner and name
	Name    string
	Color   string // class of the palette, "c0" to "c11"
	Owner   string // name of whom it belongs to
	Default bool   // at most one is
	Shared  bool   // belongs to somebody else
	Group   string // name of the calendar group; empty for the default one
}

// paletteRGB are the hues that a calendar's own colour is compared with. The
// style sheet gives each class a pair for light and dark that can be read; no
// colour of Graph's reaches a page, since anybody may choose any.
var paletteRGB = [12][3]int{
	{0x2b, 0x7c, 0xd3}, {0x2e, 0x9e, 0x4f}, {0xf0, 0x86, 0x2b}, {0x8a, 0x8f, 0x98}, // blue, green, orange, gray
	{0xf2, 0xc9, 0x2e}, {0x18, 0xa2, 0xa2}, {0xe8, 0x5a, 0x9b}, {0x8e, 0x56, 0x2e}, // yellow, teal, pink, brown
	{0xd1, 0x34, 0x38}, {0x88, 0x4c, 0xc4}, {0x3b, 0x46, 0xa8}, {0x8a, 0x9a, 0x2a}, // red, purple, indigo, olive
}

// namedColors are the members of Graph's calendarColor.
var namedColors = map[string]int{
	"auto": 0, "maxcolor": 0, "lightblue": 0, "lightgreen": 1, "lightorange": 2, "lightgray": 3,
	"lightyellow": 4, "lightteal": 5, "lightpink": 6, "lightbrown": 7, "lightred": 8,
}

// paletteClass snaps a colour to the palette: hexColor if there is one, else
// the name, else the first class.
func paletteClass(hex, name string) string {
	n := namedColors[strings.ToLower(name)]
	h := strings.TrimPrefix(hex, "#")
	if v, err := strconv.ParseUint(h, 16, 32); err == nil && len(h) == 6 {
		n = nearest(int(v>>16), int(v>>8&0xff), int(v&0xff))
	}
	return fmt.Sprintf("c%d", n)
}

// nearest compares by the weights of "redmean", close to what eyes do. What
// has no hue, white and black too, is gray.
func nearest(r, g, b int) int {
	if max(r, g, b)-min(r, g, b) < 16 {
		return namedColors["lightgray"]
	}
	best, least := 0, -1
	for i, p := range paletteRGB {
		mean, dr, dg, db := (r+p[0])/2, r-p[0], g-p[1], b-p[2]
		d := (512+mean)*dr*dr>>8 + 4*dg*dg + (767-mean)*db*db>>8
		if least < 0 || d < least {
			best, least = i, d
		}
	}
	return best
}

type wireCalendar struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Color     string       `json:"color"`
	HexColor  string       `json:"hexColor"`
	IsDefault bool         `json:"isDefaultCalendar"`
	Owner     *wireAddress `json:"owner"`
}

func wireCalendarID(w *wireCalendar) string { return w.ID }

// A namedCalendar is a calendar and the name of its group.
type namedCalendar struct {
	wireCalendar
	group string
}

// choose makes the list of calendars: each once, other people's only if the
// tokens allow them, the default one marked. Graph has been seen to mark
// several, the default calendars of others among them.
func (m *Mailbox) choose(found []namedCalendar, who Person) []Calendar {
	mine := ownAddresses(found, who)
	var chosen []Calendar
	seen := make(map[string]bool)
	hasDefault := false
	for _, w := range found {
		if !validID(w.ID) || seen[w.ID] {
			continue
		}
		seen[w.ID] = true
		c := Calendar{ID: w.ID, Name: w.Name, Color: paletteClass(w.HexColor, w.Color), Group: w.group}
		if w.Owner != nil {
			c.Owner = w.Owner.Name
			c.Shared = w.Owner.Address != "" && len(mine) > 0 && !mine[strings.ToLower(w.Owner.Address)]
		}
		if c.Shared && !m.Shared {
			continue
		}
		c.Default = w.IsDefault && !c.Shared && !hasDefault
		hasDefault = hasDefault || c.Default
		chosen = append(chosen, c)
	}
	return chosen
}

// ownAddresses are the addresses, in lower case, by which calendars name this
// person as their owner. That of the first default calendar stands in when the
// profile's own is not among them: a mailbox may have several addresses.
func ownAddresses(found []namedCalendar, who Person) map[string]bool {
	mine := make(map[string]bool)
	for _, a := range []string{who.Mail, who.Username} {
		if a != "" {
			mine[strings.ToLower(a)] = true
		}
	}
	for _, w := range found {
		if w.Owner != nil && mine[strings.ToLower(w.Owner.Address)] {
			return mine
		}
	}
	for _, w := range found {
		if w.IsDefault && w.Owner != nil && w.Owner.Address != "" {
			mine[strings.ToLower(w.Owner.Address)] = true
			return mine
		}
	}
	return nil // nobody's can be told apart: all are taken for the person's own
}
