package session

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCodec(t *testing.T) {
	t.Parallel()
	deadline := time.Date(2026, 3, 1, 12, 0, 0, int(5*time.Millisecond), time.UTC)
	for _, values := range []map[string]any{
		{},
		{"": []byte{}},
		{"a": []byte{}, "b": []byte("value"), "ä": []byte{0, 255}},
		{"long": bytes.Repeat([]byte("x"), 70000)},
	} {
		b, err := codec{}.Encode(deadline, values)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := codec{}.Encode(deadline, values)
		if !bytes.Equal(b, again) {
			t.Errorf("%v has two encodings", values)
		}
		end, got, err := codec{}.Decode(b)
		if err != nil || !end.Equal(deadline) {
			t.Errorf("Decode = %v, %v; want %v", end, err, deadline)
		}
		if diff := cmp.Diff(values, got); diff != "" {
			t.Errorf("Decode (-want +got):\n%s", diff)
		}
	}
	if _, err := (codec{}).Encode(deadline, map[string]any{"a": "text"}); err == nil {
		t.Error("Encode of a string succeeded")
	}
}

// A session of an earlier release opens: this is one, written down.
func TestCodecVersion1(t *testing.T) {
	t.Parallel()
	b, err := hex.DecodeString("018080cb9db067" + "0161" + "0178" + "016200")
	if err != nil {
		t.Fatal(err)
	}
	end, got, err := codec{}.Decode(b)
	if want := time.UnixMilli(1776000000000); err != nil || !end.Equal(want) {
		t.Errorf("Decode = %v, %v; want %v", end, err, want)
	}
	if diff := cmp.Diff(map[string]any{"a": []byte("x"), "b": []byte{}}, got); diff != "" {
		t.Errorf("Decode (-want +got):\n%s", diff)
	}
}

func TestDecodeMalformed(t *testing.T) {
	t.Parallel()
	good := encode(time.UnixMilli(5), map[string][]byte{"a": []byte("x"), "b": []byte("y")})
	for name, b := range map[string][]byte{
		"empty": {}, "version": {2, 0}, "no time": {1}, "endless time": append([]byte{1}, bytes.Repeat([]byte{0xff}, 12)...),
		"key without value": good[:len(good)-2], "huge length": append(bytes.Clone(good), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"unsorted": append(bytes.Clone(good), 1, 'a', 0), "twice": append(bytes.Clone(good), 1, 'b', 0),
		"gob": []byte("\x0f\xff\x81\x02\x01\x02\xff"), "json": []byte(`{"deadline":1}`),
	} {
		if _, got, err := decode(b); err == nil {
			t.Errorf("decode of %s = %v, want an error", name, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(time.UnixMilli(1), map[string][]byte{"a": []byte("x"), "b": {}}))
	f.Add([]byte{codecVersion, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		deadline, content, err := decode(b)
		if err != nil {
			return
		}
		again, values, err := decode(encode(deadline, content))
		if err != nil || !again.Equal(deadline) {
			t.Fatalf("decode(encode(decode(%x))) = %v, %v; want %v", b, again, err, deadline)
		}
		if diff := cmp.Diff(content, values); diff != "" {
			t.Errorf("content (-first +second):\n%s", diff)
		}
	})
}
