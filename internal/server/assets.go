package server

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// assets serves the files of static/ under names that carry a hash of their
// content, so that browsers may keep them for ever.
type assets struct {
	hashed map[string]string // daybook.css -> daybook.0123456789ab.css
	files  map[string]asset  // by hashed name
}

type asset struct {
	contentType     string
	content, zipped []byte
}

// contentTypes is every kind of file that Daybook serves.
var contentTypes = map[string]string{
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".ico":         "image/x-icon",
	".webmanifest": "application/manifest+json",
}

// hashedName is what newAssets calls a file.
var hashedName = regexp.MustCompile(`^([^.]+)\.[0-9a-f]{12}(\.[a-z]+)$`)

// unread is what is left out of what is served: comments, which are for whoever
// reads the sources, and in scripts the indentation.
var unread = map[string]*regexp.Regexp{
	".css": regexp.MustCompile(`(?s)/\*.*?\*/\n?`),
	".js":  regexp.MustCompile(`(?m)^\s*//.*\n|^[ \t]+`),
}

func newAssets(web fs.FS) (*assets, error) {
	a := &assets{hashed: make(map[string]string), files: make(map[string]asset)}
	err := fs.WalkDir(web, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(web, name)
		if err != nil {
			return err
		}
		base, ext := path.Base(name), path.Ext(name)
		kind, known := contentTypes[ext]
		if !known {
			return fmt.Errorf("%s: no content type for %q", name, mime.TypeByExtension(ext))
		}
		if unread := unread[ext]; unread != nil {
			content = unread.ReplaceAll(content, nil)
		}
		sum := sha256.Sum256(content)
		hashed := strings.TrimSuffix(base, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		if _, taken := a.hashed[base]; taken {
			return fmt.Errorf("two static files are called %s", base)
		}
		a.hashed[base] = hashed
		a.files[hashed] = asset{kind, content, zip(content)}
		return nil
	})
	return a, err
}

// zip compresses once and well what is then served again and again.
func zip(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level exists
	}
	_, _ = w.Write(content) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// path returns the address of a static file by its plain name. It is the
// templates' asset function.
func (a *assets) path(name string) (string, error) {
	hashed, found := a.hashed[name]
	if !found {
		return "", fmt.Errorf("no static file %q", name)
	}
	return "/static/" + hashed, nil
}

// static handles GET /static/{file}. What another version calls a file gets
// this version's, which nobody keeps: while servers are updated a page may come
// from one and its style from another.
func (a *assets) static(w http.ResponseWriter, r *http.Request) error {
	name, keep := r.PathValue("file"), "public, max-age=31536000, immutable"
	f, found := a.files[name]
	if m := hashedName.FindStringSubmatch(name); !found && m != nil {
		f, found = a.files[a.hashed[m[1]+m[2]]]
		keep = "no-store"
	}
	if !found {
		return errNotFound
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", keep)
	w.Header().Set("Vary", "Accept-Encoding") // and not Cookie: a file is everybody's
	content := f.content
	if headerHas(r.Header, "Accept-Encoding", "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		content = f.zipped
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	return nil
}
