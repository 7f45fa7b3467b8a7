//go:build ignore

// This program writes web/static/grid.css: the classes by which the time grid
// places events. The content security policy allows no style attributes, so
// every position that can occur has a class.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
)

const (
	rows        = 48 // hours of the longest day: Kwajalein in 1969
	stepsPerRow = 12 // of five minutes
	columns     = 6
	lanes       = 30
	days        = 7
)

func main() {
	var b bytes.Buffer
	b.WriteString("/* Written by internal/server/gridcss_gen.go; do not edit. */\n")
	// h9 s3 begins 3 steps after the 9th row's top; dh1 ds6 is one row and six
	// steps high.
	for i := 0; i <= rows; i++ {
		fmt.Fprintf(&b, ".h%d{--h:%d}.dh%d{--dh:%d}\n", i, i, i, i)
	}
	for i := 0; i < stepsPerRow; i++ {
		fmt.Fprintf(&b, ".s%d{--s:%d}.ds%d{--ds:%d}\n", i, i, i, i)
	}
	for i := 0; i <= lanes; i++ {
		fmt.Fprintf(&b, ".lanes%d{--lanes:%d}.lane%d{--lane:%d}\n", i, i, i, i)
	}
	for n := 2; n <= days; n++ {
		fmt.Fprintf(&b, ".month .ev.span%d{width:calc(%d%% + %dpx)}\n", n, 100*n, 5*n-5)
	}
	// The rest is for the grid alone: narrow screens show a list.
	b.WriteString("@media(min-width:700px){\n")
	for n := 1; n <= columns; n++ {
		for k := 0; k < n; k++ {
			fmt.Fprintf(&b, ".k%d-%d{left:%.4g%%}\n", k, n, 100*float64(k)/float64(n))
			fmt.Fprintf(&b, ".w%d-%d{width:%.4g%%}\n", k+1, n, 100*float64(k+1)/float64(n))
		}
	}
	for n := 2; n <= days; n++ {
		fmt.Fprintf(&b, ".grid .span%d{right:auto;width:calc(%d%% + %dpx)}\n", n, 100*n, n-5)
	}
	b.WriteString("}\n")
	if err := os.WriteFile("../../web/static/grid.css", b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
