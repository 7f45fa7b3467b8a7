package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// Tests that need a second process run this binary again; what it does there
// is said by the environment.
const (
	roleVariable  = "DAYBOOK_TEST_ROLE"
	storeVariable = "DAYBOOK_TEST_STORE"
	keyVariable   = "DAYBOOK_TEST_KEY"
	countVariable = "DAYBOOK_TEST_COUNT"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	stopRedis()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// play is what a second process does.
func play(role string) error {
	ctx := context.Background()
	store, err := openSpec(os.Getenv(storeVariable))
	if err != nil {
		return err
	}
	key := os.Getenv(keyVariable)
	n, _ := strconv.Atoi(os.Getenv(countVariable))
	switch role {
	case "count":
		for range n {
			if err := increment(ctx, store, key); err != nil {
				return err
			}
		}
	case "hold":
		if _, err := store.Lock(ctx, key); err != nil {
			return err
		}
		fmt.Println("held")
		io.Copy(io.Discard, os.Stdin)
	case "rewrite":
		fmt.Println("begin")
		for i := 0; ; i++ {
			if err := rewrite(ctx, store, key, byte('a'+i%26)); err != nil {
				return err
			}
		}
	case "secret":
		secret, err := store.(*Dir).Secret(ctx)
		fmt.Printf("%x\n", secret)
		return err
	case "files":
		return exhaustFiles(ctx, store, key)
	case "recall":
		return playRecall(store)
	default:
		return fmt.Errorf("no role %q", role)
	}
	return nil
}

func openSpec(spec string) (Store, error) {
	kind, place, _ := strings.Cut(spec, "|")
	if kind == "dir" {
		d, err := OpenDir(place)
		if err == nil {
			d.patience = time.Minute // see dirBackendAt
		}
		return d, err
	}
	url, prefix, _ := strings.Cut(place, "|")
	return OpenRedis(url, RedisOptions{Prefix: prefix})
}

// increment adds one to the decimal number in a record.
func increment(ctx context.Context, store Store, key string) error {
	for {
		old, err := store.Load(ctx, key)
		if err != nil && !errors.Is(err, ErrAbsent) {
			return err
		}
		n := 0
		if old != nil {
			if n, err = strconv.Atoi(string(old)); err != nil {
				return err
			}
		}
		err = store.Swap(ctx, key, old, []byte(strconv.Itoa(n+1)), time.Now().Add(time.Hour))
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// rewrite replaces a record by 64 KB of one letter.
func rewrite(ctx context.Context, store Store, key string, letter byte) error {
	old, err := store.Load(ctx, key)
	if err != nil && !errors.Is(err, ErrAbsent) {
		return err
	}
	return store.Swap(ctx, key, old, []byte(strings.Repeat(string(letter), 64<<10)), time.Now().Add(time.Hour))
}

// exhaustFiles shows that running out of descriptors costs an error and
// nothing else.
func exhaustFiles(ctx context.Context, store Store, key string) error {
	if err := store.Swap(ctx, key, nil, []byte("good"), time.Now().Add(time.Hour)); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 48, Max: 48}); err != nil {
		return err
	}
	var held []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		held = append(held, f)
	}
	err := store.Swap(ctx, key, []byte("good"), []byte("new"), time.Now().Add(time.Hour))
	if !errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("Swap without descriptors: %v", err)
	}
	if _, err := store.Load(ctx, key); !errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("Load without descriptors: %v", err)
	}
	for _, f := range held {
		f.Close()
	}
	value, err := store.Load(ctx, key)
	if err != nil || string(value) != "good" {
		return fmt.Errorf("Load afterwards = %q, %v", value, err)
	}
	return store.Swap(ctx, key, value, []byte("new"), time.Now().Add(time.Hour))
}

// process starts this binary again in a role.
func process(t *testing.T, role string, b backend, key string, count int, more ...string) *exec.Cmd {
	t.Helper()
	if b.spec == "" {
		t.Skipf("a %s store belongs to one process", b.name)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, storeVariable+"="+b.spec,
		keyVariable+"="+key, countVariable+"="+strconv.Itoa(count))
	cmd.Env = append(cmd.Env, more...)
	return cmd
}

// begin starts a process and waits for its first line.
func begin(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("process %v: %v", cmd.Env[len(cmd.Env)-4:], err)
	}
}
