package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// codecVersion is the first byte of what codec writes.
const codecVersion = 1

// codec is the content of a session's record before sealing: a version byte,
// the session's absolute end in milliseconds since 1970 (varint), then, sorted
// by key, each key and its bytes, preceded by their lengths (uvarint). Values
// are []byte alone: scs' own codec is gob, which fails on unknown types and on
// types that change from release to release.
type codec struct{}

var errCodec = errors.New("session content is malformed")

// Encode satisfies scs.Codec.
func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	content := make(map[string][]byte, len(values))
	for key, value := range values {
		b, ok := value.([]byte)
		if !ok {
			return nil, fmt.Errorf("session value %q is %T, not []byte", key, value)
		}
		content[key] = b
	}
	return encode(deadline, content), nil
}

// Decode satisfies scs.Codec.
func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	deadline, content, err := decode(b)
	if err != nil {
		return time.Time{}, nil, err
	}
	values := make(map[string]any, len(content))
	for key, value := range content {
		values[key] = value
	}
	return deadline, values, nil
}

func encode(deadline time.Time, content map[string][]byte) []byte {
	b := binary.AppendVarint([]byte{codecVersion}, deadline.UnixMilli())
	for _, key := range slices.Sorted(maps.Keys(content)) {
		b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
		b = append(binary.AppendUvarint(b, uint64(len(content[key]))), content[key]...)
	}
	return b
}

// decode returns values that are parts of b. Any bytes yield a value or an
// error, in memory bounded by len(b).
func decode(b []byte) (deadline time.Time, content map[string][]byte, err error) {
	if len(b) == 0 || b[0] != codecVersion {
		return time.Time{}, nil, errCodec
	}
	ms, n := binary.Varint(b[1:])
	if n <= 0 {
		return time.Time{}, nil, errCodec
	}
	b = b[1+n:]
	content = make(map[string][]byte)
	last := ""
	for first := true; len(b) > 0; first = false {
		var key, value []byte
		if key, b, err = part(b); err == nil {
			value, b, err = part(b)
		}
		// Sorted keys leave one way to write any content.
		if err != nil || !first && string(key) <= last {
			return time.Time{}, nil, errCodec
		}
		last = string(key)
		content[last] = value
	}
	return time.UnixMilli(ms).UTC(), content, nil
}

func part(b []byte) (head, tail []byte, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, errCodec
	}
	end := n + int(size)
	return b[n:end:end], b[end:], nil
}
