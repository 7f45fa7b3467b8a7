package session

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sys/unix"
)

// dialPatience bounds connecting, TLS and AUTH together; a command that needs
// a new connection has the rest of its own patience.
const dialPatience = 750 * time.Millisecond

// A redisServer is what a URL says.
type redisServer struct {
	address  string
	user     string
	password string
	db       int
	tls      *tls.Config // nil: none
}

func parseRedisURL(raw, caFile string) (redisServer, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// url.Error repeats the URL.
		return redisServer{}, errors.New("redis url: not a URL; are user and password percent-encoded?")
	}
	s := redisServer{address: net.JoinHostPort(u.Hostname(), "6379")}
	switch {
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return s, errors.New("redis url: must begin with redis:// or rediss://")
	case u.Hostname() == "":
		return s, errors.New("redis url: no host")
	case u.RawQuery != "" || u.Fragment != "":
		return s, errors.New("redis url: takes no parameters")
	}
	if u.Port() != "" {
		s.address = net.JoinHostPort(u.Hostname(), u.Port())
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if s.db, err = strconv.Atoi(db); err != nil || s.db < 0 {
			return s, errors.New("redis url: the path must be a database number")
		}
	}
	if password, set := u.User.Password(); set {
		s.user, s.password = u.User.Username(), password
	} else {
		s.password = u.User.Username() // as redis-cli has it
	}
	if u.Scheme == "rediss" {
		s.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		if caFile != "" {
			pem, err := os.ReadFile(caFile)
			if err != nil {
				return s, fmt.Errorf("redis ca file: %w", err)
			}
			s.tls.RootCAs = x509.NewCertPool()
			if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
				return s, fmt.Errorf("redis ca file %s: no certificate in it", caFile)
			}
		}
	}
	return s, nil
}

func (s redisServer) dial(ctx context.Context) (redis.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	var socket net.Conn
	c, err := redis.DialContext(ctx, "tcp", s.address,
		redis.DialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			plain, err := (&net.Dialer{KeepAlive: time.Minute}).DialContext(ctx, network, address)
			if err != nil || s.tls == nil {
				socket = plain
				return plain, err
			}
			// Here and not by redigo, whose handshake does not end with ctx.
			sealed := tls.Client(plain, s.tls)
			if err := sealed.HandshakeContext(ctx); err != nil {
				plain.Close()
				return nil, err
			}
			socket = plain
			return sealed, nil
		}),
		redis.DialUsername(s.user), redis.DialPassword(s.password), redis.DialDatabase(s.db),
		redis.DialReadTimeout(patience), redis.DialWriteTimeout(patience))
	if err != nil {
		return nil, err
	}
	return &liveConn{ConnWithContext: c.(redis.ConnWithContext), socket: socket}, nil
}

// A liveConn can tell, without asking the server, that it has hung up, and
// knows whether the server has become another's replica.
type liveConn struct {
	redis.ConnWithContext
	socket  net.Conn
	replica bool
}

func (c *liveConn) DoContext(ctx context.Context, command string, args ...any) (any, error) {
	reply, err := c.ConnWithContext.DoContext(ctx, command, args...)
	c.replica = c.replica || code(err) == "READONLY"
	return reply, err
}

// alive looks at an idle connection's socket without waiting: after a restart
// of Redis every pooled connection has been closed by the server, and a write
// on one could not be repeated safely. One to a former primary stays open after
// a failover, while the name leads to the new one.
func alive(c redis.Conn) error {
	live, ok := c.(*liveConn)
	if !ok {
		return nil
	}
	if live.replica {
		return errors.New("the server was a replica")
	}
	sc, ok := live.socket.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	state := errors.New("not idle: closed by the server or out of step")
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		// Bytes that nobody asked for would answer the wrong command.
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			state = nil
		}
		return true
	})
	return errors.Join(err, state)
}

// broken reports whether a connection ended under a command, as opposed to a
// server that answers, is slow, or cannot be reached.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// code is the first word of what Redis answered, such as "WRONGTYPE".
func code(err error) string {
	var answer redis.Error
	if !errors.As(err, &answer) {
		return ""
	}
	text := string(answer)
	// Before version 7 Redis writes around what a command in a script answers.
	if _, inner, found := strings.Cut(text, ": -"); found && strings.HasPrefix(text, "ERR Error running script") {
		text = inner
	}
	word, _, _ := strings.Cut(text, " ")
	for i := range len(word) {
		if word[i] < 'A' || word[i] > 'Z' {
			return "ERR"
		}
	}
	return word
}

// advice says what an operator can do about an answer of Redis.
var advice = map[string]struct{ kind, text string }{
	"NOAUTH":      {"auth", "user or password missing"},
	"WRONGPASS":   {"auth", "user or password wrong"},
	"NOPERM":      {"auth", "the user lacks a permission"},
	"READONLY":    {"readonly", "the server is a read-only replica"},
	"MISCONF":     {"readonly", "the server cannot save to its disk"},
	"NOREPLICAS":  {"readonly", "too few replicas"},
	"MASTERDOWN":  {"readonly", "the replica has lost its primary"},
	"OOM":         {"full", "the server's memory is full"},
	"LOADING":     {"loading", "the server is still loading its data"},
	"BUSY":        {"timeout", "the server is busy with a script"},
	"MOVED":       {"other", "a Redis cluster is not supported"},
	"EXECABORT":   {"other", "the server refused a write"},
	"CLUSTERDOWN": {"other", "a Redis cluster is not supported"},
}

// redisFault sorts an error of redigo. What Redis answered is not repeated: it
// may hold what was sent.
func redisFault(op string, err error) error {
	if answer := code(err); answer != "" {
		known, found := advice[answer]
		if !found {
			known.kind, known.text = "other", "unexpected answer"
		}
		return &fault{kind: known.kind, op: op, err: fmt.Errorf("redis answered %s: %s", answer, known.text)}
	}
	f := newFault(op, err)
	if f.kind == "other" && (broken(err) || errors.As(err, new(*net.OpError))) {
		f.kind = "connection"
	}
	return f
}
