package calendar_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
)

var update = flag.Bool("update", false, "write the drawings in testdata anew")

// TestDrawings lays out the events at the top of each file in testdata and
// compares with the drawing below the line of dashes.
//
//	zone ZONE            whoever looks
//	second ZONE          labels of the rows in a second zone
//	days DATE N | month DATE | agenda DATE N
//	hours HH:MM HH:MM    else all are shown
//	most N               columns of the grid, lines of the month
//	ID START END         an event; all-day with dates, END after the last
//
// A block is filled with its ID, in capitals at the top of the piece that is
// First; ^ and v say that it goes on beyond the day. A "+" is what is folded,
// a "/" time that the day does not have. A line of the grid is a quarter of an
// hour.
func TestDrawings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("drawings: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(raw), "---\n")
			got := readPlan(t, input).draw()
			if *update {
				if err := os.WriteFile(file, []byte(input+"---\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("%s (-want +got):\n%s\n%s", file, diff, got)
			}
		})
	}
}

type plan struct {
	kind   string
	days   []calendar.Date
	loc    *time.Location
	second *time.Location
	hours  calendar.Hours
	most   int
	events []calendar.Event
}

func readPlan(t *testing.T, input string) plan {
	p := plan{loc: time.UTC, most: 4}
	for line := range strings.Lines(input) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		number := func(s string) int {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		minutes := func(s string) int { return number(s[:2])*60 + number(s[3:]) }
		switch f[0] {
		case "zone":
			p.loc = zone(t, f[1])
		case "second":
			p.second = zone(t, f[1])
		case "days", "agenda":
			p.kind, p.days = f[0], days(t, f[1], number(f[2]))
		case "month":
			p.kind, p.days = f[0], calendar.Days(calendar.Month, date(t, f[1]), time.Monday, nil)
		case "hours":
			p.hours = calendar.Hours{Start: minutes(f[1]), End: minutes(f[2])}
		case "most":
			p.most = number(f[1])
		default:
			e := calendar.Event{ID: f[0]}
			if e.When.AllDay = !strings.Contains(f[1], "T"); e.When.AllDay {
				e.When.First, e.When.Until = date(t, f[1]), date(t, f[2])
			} else {
				e.When.Start, e.When.End = clock(t, p.loc.String(), f[1]), clock(t, p.loc.String(), f[2])
			}
			p.events = append(p.events, e)
		}
	}
	return p
}

func (p plan) draw() string {
	switch p.kind {
	case "month":
		return p.drawMonth()
	case "agenda":
		return p.drawAgenda()
	}
	return p.drawLanes() + p.drawGrid()
}

// dayWidth can be divided by up to four columns.
const dayWidth = 12

func name(p calendar.Piece, head bool) byte {
	if head && p.First {
		return strings.ToUpper(p.Event.ID)[0]
	}
	return p.Event.ID[0]
}

func trimmed(lines []string) string {
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return out.String()
}

// bar draws one across cells that are width wide and a mark apart.
func bar(line []byte, b calendar.Bar, width int) {
	from, until := b.Column*(width+1), (b.Column+b.Span)*(width+1)-1
	for i := from; i < until; i++ {
		line[i] = name(b.Piece, i == from)
	}
	if b.ContinuesBefore {
		line[from] = '<'
		line[from+1] = name(b.Piece, true)
	}
	if b.ContinuesAfter {
		line[until-1] = '>'
	}
}

func (p plan) drawLanes() string {
	bars, lanes := calendar.Lanes(p.days, p.loc, p.events)
	head := "            "
	for _, d := range p.days {
		head += fmt.Sprintf("|%-*s", dayWidth, d.UTC().Format("Mon 2 Jan"))
	}
	lines := []string{head}
	for lane := range lanes {
		line := bytes.Repeat([]byte{' '}, len(p.days)*(dayWidth+1))
		for _, b := range bars {
			if b.Lane == lane {
				bar(line, b, dayWidth)
			}
		}
		lines = append(lines, "             "+string(line))
	}
	return trimmed(lines)
}

func (p plan) drawGrid() string {
	a := calendar.NewAxis(p.days, p.loc, p.hours, p.events)
	cells := make([][]byte, a.Steps)
	for i := range cells {
		cells[i] = bytes.Repeat([]byte{' '}, len(p.days)*(dayWidth+1))
	}
	var folded []string
	for day, grid := range a.Layout(p.events, p.most) {
		left := day*(dayWidth+1) + 1
		for i := range cells {
			cells[i][left-1] = '|'
		}
		for _, x := range grid.Blank {
			for i := x.Top; i < x.Bottom(); i++ {
				copy(cells[i][left:], strings.Repeat("/", dayWidth))
			}
		}
		for _, b := range grid.Blocks {
			from, until := left+b.Column*dayWidth/b.Columns, left+(b.Column+b.Span)*dayWidth/b.Columns
			for i := b.Top; i < b.Bottom(); i++ {
				for j := from; j < until-1; j++ {
					cells[i][j] = name(b.Piece, i < b.Top+3)
				}
				cells[i][until-1] = ' '
			}
			if b.ContinuesBefore {
				cells[b.Top][from], cells[b.Top+1][from], cells[b.Top+2][from] = '^', '^', '^'
			}
			if b.ContinuesAfter {
				cells[b.Bottom()-1][from], cells[b.Bottom()-2][from], cells[b.Bottom()-3][from] = 'v', 'v', 'v'
			}
		}
		for _, m := range grid.More {
			from := left + (m.Columns-1)*dayWidth/m.Columns
			for i := m.Top; i < m.Bottom(); i++ {
				copy(cells[i][from:left+dayWidth-1], bytes.Repeat([]byte{'+'}, dayWidth))
			}
			line := fmt.Sprintf("%v +%d:", grid.Date, len(m.Pieces))
			for _, piece := range m.Pieces {
				line += " " + string(name(piece, true))
			}
			folded = append(folded, line)
		}
	}
	var labels []calendar.Label
	if p.second != nil {
		labels = a.Labels(p.second)
	}
	var lines []string
	for r, row := range a.Rows {
		for step := row.Top; step < row.Bottom(); step += 3 {
			label := ""
			if step == row.Top {
				label = fmt.Sprintf("%02d:%02d", row.Hour, row.Minute)
				if row.Repeated {
					label += "*"
				}
				if labels != nil && !labels[r].At.IsZero() {
					label = fmt.Sprintf("%-6s%s", label, labels[r].At.Format("15:04"))
					if labels[r].Except != nil {
						label += "!"
					}
				}
			}
			// The middle of the quarter, as far as there is one.
			middle := min(step+1, row.Bottom()-1)
			lines = append(lines, fmt.Sprintf("%-12s%s", label, cells[middle]))
		}
	}
	return trimmed(append(lines, folded...))
}

func (p plan) drawMonth() string {
	const width = 9
	var lines []string
	var folded []string
	for _, week := range calendar.MonthLayout(slices.Collect(slices.Chunk(p.days, 7)), p.loc, p.events, p.most) {
		head := ""
		grid := make([][]byte, p.most)
		for i := range grid {
			grid[i] = bytes.Repeat([]byte{' '}, 7*(width+1))
		}
		for _, b := range week.Bars {
			bar(grid[b.Lane], b, width)
		}
		for day, c := range week.Cells {
			head += fmt.Sprintf("%-*s", width+1, c.Date.UTC().Format("Mon 2"))
			for _, chip := range c.Chips {
				text := string(name(chip.Piece, true))
				if !chip.ContinuesBefore {
					text = chip.Event.When.Start.In(p.loc).Format("15:04 ") + text
				} else {
					text = "^ " + text
				}
				copy(grid[chip.Line][day*(width+1):], text)
			}
			if len(c.More) > 0 {
				copy(grid[p.most-1][day*(width+1):], fmt.Sprintf("+%d", len(c.More)))
				line := fmt.Sprintf("%v:", c.Date)
				for _, piece := range c.More {
					line += " " + string(name(piece, true))
				}
				folded = append(folded, line)
			}
		}
		lines = append(lines, head)
		for _, line := range grid {
			lines = append(lines, string(line))
		}
	}
	return trimmed(append(lines, folded...))
}

func (p plan) drawAgenda() string {
	var lines []string
	for _, list := range calendar.ListDays(p.days, p.loc, p.events) {
		lines = append(lines, list.Date.UTC().Format("Mon 2 Jan"))
		for _, item := range list.Items {
			when := "all day    "
			if !item.WholeDay {
				from, until := item.Event.When.Start.In(p.loc).Format("15:04"), item.Event.When.End.In(p.loc).Format("15:04")
				if item.ContinuesBefore {
					from = "  ..."
				}
				if item.ContinuesAfter {
					until = "..."
				}
				when = from + "-" + until
			}
			lines = append(lines, fmt.Sprintf("  %-12s %c", when, name(item.Piece, true)))
		}
	}
	return trimmed(lines)
}
