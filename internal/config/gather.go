package config

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"
)

// inFiles lists the settings that may be given as NAME_FILE: the secrets.
var inFiles = [...]string{"AZURE_CLIENT_SECRET", "REDIS_URL", "SESSION_SECRET"}

// maxSecretFile bounds what is read from a NAME_FILE, in bytes.
const maxSecretFile = 64 << 10

// gather returns the value of each variable after the environment has won over
// the .env file and the files of secrets have been read.
func gather(environ map[string]string, dotenv string, r *report) map[string]string {
	values := readDotenv(dotenv, r)
	for _, name := range inFiles {
		// NAME and NAME_FILE are two ways to say one setting: the environment
		// wins with either over the file's other.
		if environ[name] != "" || environ[name+"_FILE"] != "" {
			delete(values, name)
			delete(values, name+"_FILE")
		}
	}
	maps.Copy(values, environ)
	delete(values, "") // Windows has such variables; the parser would take them for every group of settings

	for _, name := range inFiles {
		path := values[name+"_FILE"]
		if path == "" {
			continue
		}
		if values[name] != "" {
			r.wrong(name, "is set, and so is %s_FILE; keep one of them", name)
			continue
		}
		value, err := readSecret(path)
		if err != nil {
			r.wrong(name+"_FILE", "%v", err)
			continue
		}
		values[name] = value
	}
	return values
}

// readSecret returns the content of a file without the newline that editors
// and echo leave at its end.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", unreadable(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	switch text := strings.TrimRight(string(content), "\r\n"); {
	case err != nil:
		return "", unreadable(err)
	case len(content) > maxSecretFile:
		return "", errors.New("names a file that is too large for a secret")
	case text == "":
		return "", errors.New("names an empty file")
	default:
		return text, nil
	}
}

// unreadable says why a file cannot be read without repeating its path, which
// may be a secret that was put into the wrong variable.
func unreadable(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return errors.New("names a file that cannot be read: " + err.Error())
}

// readDotenv returns what the .env file sets, nothing if there is no such file.
func readDotenv(path string, r *report) map[string]string {
	none := map[string]string{}
	if path == "" {
		return none
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return none
	}
	if err != nil {
		r.wrong(path, "%v", unreadable(err))
		return none
	}
	values, err := parseDotenv(content)
	if err != nil {
		// The parser's error repeats the text from the mistake on, secrets
		// included, and lacks the line's number.
		r.wrong(path, "line %d is not NAME=value; nothing of the file was used", badLine(content))
		return none
	}
	warnAbout(path, values, r)
	return values
}

func parseDotenv(content []byte) (map[string]string, error) {
	values, err := godotenv.UnmarshalBytes(content)
	if _, nameless := values[""]; nameless {
		return nil, errors.New("a value without a name")
	}
	return values, err
}

// badLine returns the number of the line at which the longest part that can be
// parsed ends. An unclosed quote is thereby blamed on the line it opens in.
func badLine(content []byte) int {
	lines := bytes.SplitAfter(content, []byte("\n"))
	for n := len(lines) - 1; n > 0; n-- {
		if _, err := parseDotenv(bytes.Join(lines[:n], nil)); err == nil {
			return n + 1
		}
	}
	return 1
}

// warnAbout warns of names that are no settings, which are mostly misspelt
// ones, and of secrets that other users of the machine can read.
func warnAbout(path string, values map[string]string, r *report) {
	known := variables()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		// COMPOSE_… in the same file is for Docker Compose.
		if !slices.Contains(known, name) && !strings.HasPrefix(name, "COMPOSE_") {
			r.warn(path, "%s is not a setting of Daybook", name)
		}
	}
	stat, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || stat.Mode().Perm()&0o077 == 0 {
		return
	}
	for _, name := range inFiles {
		if values[name] != "" {
			r.warn(path, "holds %s and other users may open it; chmod 600 it", name)
			return
		}
	}
}

// variables lists every variable that Load asks for.
func variables() []string {
	fields, err := env.GetFieldParams(&Config{})
	if err != nil {
		panic(err) // a malformed tag in Config, which every test meets
	}
	var names []string
	for _, field := range fields {
		names = append(names, field.Key)
	}
	for _, name := range inFiles {
		names = append(names, name+"_FILE")
	}
	return names
}
