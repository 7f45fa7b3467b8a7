package main

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A fragileDisk is a file system in memory, mounted through FUSE, that knows
// what was synced: a file's content, mode and times by fsync of the file, the
// names in a folder by fsync of the folder, and nothing else by either, which
// is all that POSIX promises.
type fragileDisk struct {
	dir  string // where it is mounted
	root *fragileNode

	mu     sync.Mutex
	broken syscall.Errno // what fsync fails with, unless 0
	step   func()        // called after each change with mu held, unless nil
}

// A fragileNode is a file or a folder.
type fragileNode struct {
	fs.Inode
	disk        *fragileDisk
	now, synced content
}

type content struct {
	mode  uint32
	mtime time.Time
	data  []byte                  // of a file; never changed in place
	names map[string]*fragileNode // of a folder, nil for a file
}

// mountFragile mounts a new disk until the test ends.
func mountFragile(t *testing.T) *fragileDisk {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("needs /dev/fuse")
	}
	d := &fragileDisk{dir: t.TempDir()}
	d.root = d.node(content{mode: syscall.S_IFDIR | 0o700, names: map[string]*fragileNode{}})
	server, err := fs.Mount(d.dir, d.root, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true, DisableXAttrs: true}})
	if err != nil {
		t.Skipf("needs /dev/fuse and the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return d
}

func (d *fragileDisk) node(c content) *fragileNode {
	c.mtime = time.Now()
	n := &fragileNode{disk: d, now: c, synced: c}
	n.synced.names = maps.Clone(c.names)
	return n
}

// breakSync makes every fsync fail, or with 0 succeed again.
func (d *fragileDisk) breakSync(with syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = with
}

// A powerLoss says what is left of changes that were not synced: file systems
// write them when and in the order they like.
type powerLoss struct {
	name  string
	names bool                                 // files are created, renamed and removed
	data  func(now, synced content) (d []byte) // what a file holds
}

var powerLosses = []powerLoss{
	{"nothing", false, func(_, synced content) []byte { return synced.data }},
	{"the names", true, func(_, synced content) []byte { return synced.data }},
	{"the names and half the data", true, func(now, synced content) []byte {
		if bytes.Equal(now.data, synced.data) {
			return now.data
		}
		return now.data[:len(now.data)/2]
	}},
	{"everything", true, func(now, _ content) []byte { return now.data }},
}

// lose returns, by path, what is on the disk after a loss of power now. The
// caller holds mu.
func (d *fragileDisk) lose(how powerLoss) map[string]content {
	left := map[string]content{}
	var walk func(path string, n *fragileNode)
	walk = func(path string, n *fragileNode) {
		is := n.synced
		if how.names {
			is.mode, is.mtime, is.names = n.now.mode, n.now.mtime, n.now.names
		}
		is.data = how.data(n.now, n.synced)
		left[path] = is
		for name, child := range is.names {
			walk(filepath.Join(path, name), child)
		}
	}
	walk(".", d.root)
	return left
}

// lay writes what is left after a loss of power to a new folder, as the disk is
// found at the next start.
func lay(t *testing.T, left map[string]content) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for path, c := range left {
		if c.names != nil {
			if err := os.MkdirAll(filepath.Join(dir, path), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	for path, c := range left {
		file, mode := filepath.Join(dir, path), os.FileMode(c.mode&0o777)
		if c.names == nil {
			if err := os.WriteFile(file, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, c.mtime, c.mtime); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// change does something to the disk.
func (n *fragileNode) change(do func()) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	do()
	if n.disk.step != nil {
		n.disk.step()
	}
}

func (n *fragileNode) enter(ctx context.Context, name string, c content, out *fuse.EntryOut) *fs.Inode {
	child := n.disk.node(c)
	inode := n.NewPersistentInode(ctx, child, fs.StableAttr{Mode: c.mode & syscall.S_IFMT})
	n.change(func() {
		n.now.names[name] = child
		child.attr(&out.Attr)
	})
	return inode
}

func (n *fragileNode) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return n.enter(ctx, name, content{mode: syscall.S_IFREG | mode&0o7777}, out), nil, 0, 0
}

func (n *fragileNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.enter(ctx, name, content{mode: syscall.S_IFDIR | mode&0o7777, names: map[string]*fragileNode{}}, out), 0
}

func (n *fragileNode) Unlink(_ context.Context, name string) syscall.Errno {
	n.change(func() { delete(n.now.names, name) })
	return 0
}

func (n *fragileNode) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, _ uint32) syscall.Errno {
	n.change(func() {
		moved := n.now.names[name]
		delete(n.now.names, name)
		to.(*fragileNode).now.names[newName] = moved
	})
	return 0
}

func (n *fragileNode) Fsync(context.Context, fs.FileHandle, uint32) (failed syscall.Errno) {
	n.change(func() {
		if failed = n.disk.broken; failed == 0 {
			n.synced = n.now
			n.synced.names = maps.Clone(n.now.names)
		}
	})
	return failed
}

func (n *fragileNode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (n *fragileNode) Read(_ context.Context, _ fs.FileHandle, to []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	data := n.now.data[min(at, int64(len(n.now.data))):]
	return fuse.ReadResultData(data[:min(len(data), len(to))]), 0
}

func (n *fragileNode) Write(_ context.Context, _ fs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	n.change(func() {
		grown := make([]byte, max(len(n.now.data), int(at)+len(data)))
		copy(grown, n.now.data)
		copy(grown[at:], data)
		n.now.data, n.now.mtime = grown, time.Now()
	})
	return uint32(len(data)), 0
}

func (n *fragileNode) attr(out *fuse.Attr) {
	out.Mode, out.Size = n.now.mode, uint64(len(n.now.data))
	out.SetTimes(nil, &n.now.mtime, &n.now.mtime)
}

func (n *fragileNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	n.attr(&out.Attr)
	return 0
}

func (n *fragileNode) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	n.change(func() {
		if mode, set := in.GetMode(); set {
			n.now.mode = n.now.mode&syscall.S_IFMT | mode&0o7777
		}
		if mtime, set := in.GetMTime(); set {
			n.now.mtime = mtime
		}
		if size, set := in.GetSize(); set {
			resized := make([]byte, size)
			copy(resized, n.now.data)
			n.now.data = resized
		}
		n.attr(&out.Attr)
	})
	return 0
}
