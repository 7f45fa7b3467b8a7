package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/gif"
	"net/http"
)

// A Photo is somebody's picture. The zero Photo means that there is none.
type Photo struct {
	Type  string // image/jpeg, image/png or image/gif, found in the bytes
	Bytes []byte
}

const maxPhoto = 4 << 20

// Photo returns the person's picture, square, at least size pixels wide if
// Graph has it; the largest for 0. With fresh nothing kept is used. No picture
// is no error.
func (m *Mailbox) Photo(ctx context.Context, size int, fresh bool) (Photo, error) {
	const largest = "/me/photo/$value"
	path := largest
	if size > 0 {
		n := photoSize(size)
		path = fmt.Sprintf("/me/photos/%dx%d/$value", n, n)
	}
	key := cacheKey{kind: kindPhoto, id: path}
	p, _, err := fetch(ctx, m, key, fresh, func(ctx context.Context, j *job) (answer[Photo], error) {
		ask := func(path string) ([]byte, error) {
			return j.send(ctx, call{operation: opPhoto, url: m.client.base + path, limit: maxPhoto})
		}
		body, err := ask(path)
		// Graph makes no size above that of the picture it was given.
		if errors.Is(err, ErrNotFound) && path != largest {
			body, err = ask(largest)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return answer[Photo]{}, err
		}
		p := picture(body)
		return answer[Photo]{p, int64(len(p.Bytes)), true}, nil
	})
	return p, err
}

// photoSize returns the smallest of the sizes that Graph has (profilePhoto
// resource) that is not below n.
func photoSize(n int) int {
	for _, s := range []int{48, 64, 96, 120, 240, 360, 432, 504} {
		if n <= s {
			return s
		}
	}
	return 648
}

// picture believes the bytes and not the header. Graph has been seen to send
// a GIF of one pixel for nobody.
func picture(b []byte) Photo {
	switch t := http.DetectContentType(b); t {
	case "image/gif":
		if cfg, err := gif.DecodeConfig(bytes.NewReader(b)); err != nil || cfg.Width <= 1 || cfg.Height <= 1 {
			return Photo{}
		}
		return Photo{t, b}
	case "image/jpeg", "image/png":
		return Photo{t, b}
	}
	return Photo{}
}

// Manager returns the person's manager: [ErrNotFound] if they have none,
// [ErrForbidden] if the tokens do not allow User.Read.All. With fresh nothing
// kept is used.
func (m *Mailbox) Manager(ctx context.Context, fresh bool) (Person, error) {
	type result struct {
		Person
		err error
	}
	r, _, err := fetch(ctx, m, cacheKey{kind: kindManager}, fresh, func(ctx context.Context, j *job) (answer[result], error) {
		body, err := j.get(ctx, opManager, "/me/manager?$select=id,displayName,jobTitle,mail,userPrincipalName")
		if lasting(err) {
			return answer[result]{result{err: err}, 0, true}, nil
		}
		if err != nil {
			return answer[result]{}, err
		}
		p, err := decodePerson(body)
		return answer[result]{result{Person: p}, 512, true}, err
	})
	if err == nil {
		err = r.err
	}
	return r.Person, err
}
