package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// parse fills c from values by the tags of its fields.
func parse(c *Config, values map[string]string, r *report) {
	err := env.ParseWithOptions(c, env.Options{Environment: values, FuncMap: parsers()})
	// Everywhere else empty means the default; here it means off.
	if addr, set := values["ADMIN_ADDR"]; set && addr == "" {
		c.Web.AdminAddr = ""
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return
	}
	for _, err := range all.Errors {
		var wrong env.ParseError
		if errors.As(err, &wrong) {
			r.wrong(variableOf(reflect.TypeFor[Config](), wrong.Name), "%v", wrong.Err)
		} else {
			r.wrong("environment", "%v", err)
		}
	}
}

// variableOf returns the variable of the field, whose name is the only thing
// that the parser's error tells. No two fields share a name (tested).
func variableOf(t reflect.Type, field string) string {
	for f := range t.Fields() {
		if name := f.Tag.Get("env"); name != "" && f.Name == field {
			return name
		}
		if f.Type.Kind() == reflect.Struct {
			if name := variableOf(f.Type, field); name != "" {
				return name
			}
		}
	}
	return ""
}

// parsers are the library's own with errors that say what is expected.
func parsers() map[reflect.Type]env.ParserFunc {
	return map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[bool]():          parseSwitch,
		reflect.TypeFor[url.URL]():       parseURL,
		reflect.TypeFor[time.Duration](): parseDuration,
	}
}

func parseSwitch(text string) (any, error) {
	switch strings.ToLower(text) {
	case "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	return nil, errors.New("is neither 1 nor 0")
}

func parseURL(text string) (any, error) {
	u, err := url.Parse(text)
	// What is wrong is not repeated: an address may hold a password.
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return nil, errors.New("is not an address such as https://host.example")
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	return *u, nil
}

func parseDuration(text string) (any, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a duration such as 30m or 24h", text)
	}
	return d, nil
}

// A Level is the least severity that is logged; it is a [slog.Leveler].
type Level slog.Level

// Level returns the level for package slog.
func (l Level) Level() slog.Level { return slog.Level(l) }

// UnmarshalText reads debug, info, warn or error.
func (l *Level) UnmarshalText(text []byte) error {
	switch strings.ToLower(string(text)) {
	case "debug":
		*l = Level(slog.LevelDebug)
	case "info":
		*l = Level(slog.LevelInfo)
	case "warn":
		*l = Level(slog.LevelWarn)
	case "error":
		*l = Level(slog.LevelError)
	default:
		return fmt.Errorf("%q is not debug, info, warn or error", text)
	}
	return nil
}

// Names is a comma-separated list in lower case.
type Names []string

// UnmarshalText reads the list; spaces around commas do not count.
func (n *Names) UnmarshalText(text []byte) error {
	*n = nil
	for name := range strings.SplitSeq(strings.ToLower(string(text)), ",") {
		if name = strings.TrimSpace(name); name != "" {
			*n = append(*n, name)
		}
	}
	return nil
}

// Prefixes is a list of address ranges, each masked to its length.
type Prefixes []netip.Prefix

// UnmarshalText reads comma-separated ranges (10.0.0.0/8) and addresses.
func (p *Prefixes) UnmarshalText(text []byte) error {
	*p = nil
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			addr, err := netip.ParseAddr(part)
			if err != nil || addr.Zone() != "" {
				return fmt.Errorf("%q is neither an address nor a range such as 10.0.0.0/8", part)
			}
			addr = addr.Unmap()
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		*p = append(*p, prefix.Masked())
	}
	return nil
}
