package sftpdest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/sshdtest"
)

// distances are the round trips that the benchmarks put in front of the server.
func distances() []time.Duration { return []time.Duration{0, 20 * time.Millisecond} }

// farServer is an sshd at a distance and the settings that read dir on it.
func farServer(b *testing.B, dir string, rtt time.Duration) Settings {
	b.Helper()
	server := startSSHD(b, sshdtest.Options{HostKeys: []string{"ed25519"}})
	link := proxy(b, server.Address(), rtt)
	s := settingsOf(server)
	s.Host, s.Port, s.Directory = link.Host, link.Port, dir
	return s
}

// connected is a destination that has its first session.
func connected(b *testing.B, s Settings) *Destination {
	b.Helper()
	d := newDest(b, s, Options{})
	if err := d.Connect(b.Context()); err != nil {
		b.Fatal(err)
	}
	return d
}

// peer is package sftp's client on one session.
func peer(b *testing.B, s Settings) *sftp.Client {
	b.Helper()
	pem, err := os.ReadFile(s.IdentityFile)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		b.Fatal(err)
	}
	config := &ssh.ClientConfig{User: s.Username}
	config.Ciphers = []string{ssh.CipherAES128GCM} // as ours: it is the fastest where processors have AES
	config.Auth = []ssh.AuthMethod{ssh.PublicKeys(signer)}
	config.HostKeyCallback = func(string, net.Addr, ssh.PublicKey) error { return nil }
	c, err := ssh.Dial("tcp", s.Address(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	client, err := sftp.NewClient(c, sftp.UseConcurrentReads(true))
	if err != nil {
		b.Fatal(err)
	}
	return client
}

func BenchmarkReadSequentially(b *testing.B) {
	const size = 256 << 20
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, size), 0o644); err != nil {
		b.Fatal(err)
	}
	for _, rtt := range distances() {
		b.Run(fmt.Sprintf("rtt=%v/slotfs", rtt), func(b *testing.B) {
			d := connected(b, farServer(b, dir, rtt))
			b.SetBytes(size)
			for b.Loop() {
				readAll(b, d, size)
			}
		})
		b.Run(fmt.Sprintf("rtt=%v/pkg", rtt), func(b *testing.B) {
			c := peer(b, farServer(b, dir, rtt))
			b.SetBytes(size)
			for b.Loop() {
				f, err := c.Open(filepath.Join(dir, "file"))
				if err != nil {
					b.Fatal(err)
				}
				if n, err := f.WriteTo(io.Discard); err != nil || n != size {
					b.Fatal(n, err)
				}
				f.Close()
			}
		})
	}
}

func readAll(b *testing.B, d *Destination, size int64) {
	b.Helper()
	f, err := d.Open(b.Context(), "file")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	stream := dest.NewStream(b.Context(), f, 0, size, 0)
	defer stream.Close()
	if n, err := io.Copy(io.Discard, stream); err != nil || n != size {
		b.Fatal(n, err)
	}
}

// BenchmarkColdRead is what a small file costs: open, 4 KiB, close.
func BenchmarkColdRead(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 1<<20), 0o644); err != nil {
		b.Fatal(err)
	}
	for _, rtt := range distances() {
		b.Run(fmt.Sprintf("rtt=%v/slotfs", rtt), func(b *testing.B) {
			d := connected(b, farServer(b, dir, rtt))
			p := make([]byte, 4096)
			for b.Loop() {
				f, err := d.Open(b.Context(), "file")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.ReadAt(b.Context(), p, 5000); err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
		b.Run(fmt.Sprintf("rtt=%v/pkg", rtt), func(b *testing.B) {
			c := peer(b, farServer(b, dir, rtt))
			p := make([]byte, 4096)
			for b.Loop() {
				f, err := c.Open(filepath.Join(dir, "file"))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.ReadAt(p, 5000); err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}

func BenchmarkListLargeDirectory(b *testing.B) {
	const entries = 50_000 // hard links of one file; ext4 allows 65,000
	dir := b.TempDir()
	first := filepath.Join(dir, "message-0")
	if err := os.WriteFile(first, nil, 0o644); err != nil {
		b.Fatal(err)
	}
	for i := 1; i < entries; i++ {
		if err := os.Link(first, filepath.Join(dir, fmt.Sprintf("message-%d", i))); err != nil {
			b.Fatal(err)
		}
	}
	for _, rtt := range distances() {
		b.Run(fmt.Sprintf("rtt=%v/slotfs", rtt), func(b *testing.B) {
			d := connected(b, farServer(b, dir, rtt))
			for b.Loop() {
				if list, err := d.List(b.Context(), ""); err != nil || len(list) != entries {
					b.Fatal(len(list), err)
				}
			}
			b.ReportMetric(float64(b.N)*entries/b.Elapsed().Seconds(), "entries/s")
		})
		b.Run(fmt.Sprintf("rtt=%v/pkg", rtt), func(b *testing.B) {
			c := peer(b, farServer(b, dir, rtt))
			for b.Loop() {
				if list, err := c.ReadDir(dir); err != nil || len(list) != entries {
					b.Fatal(len(list), err)
				}
			}
			b.ReportMetric(float64(b.N)*entries/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkWalk lists 1,000 directories of 10 files with 64 workers.
func BenchmarkWalk(b *testing.B) {
	const directories, files, workers = 1000, 10, 64
	dir := b.TempDir()
	for i := range directories {
		sub := filepath.Join(dir, fmt.Sprintf("d%d", i))
		if err := os.Mkdir(sub, 0o755); err != nil {
			b.Fatal(err)
		}
		for j := range files {
			if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%d", j)), nil, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	report := func(b *testing.B) {
		b.ReportMetric(float64(b.N)*directories*(files+1)/b.Elapsed().Seconds(), "entries/s")
	}
	for _, rtt := range distances() {
		b.Run(fmt.Sprintf("rtt=%v/slotfs", rtt), func(b *testing.B) {
			d := connected(b, farServer(b, dir, rtt))
			for b.Loop() {
				walk(b, workers, func(path string) (dirs []string) {
					list, err := d.List(context.Background(), path)
					if err != nil {
						b.Error(err)
					}
					for _, info := range list {
						if info.Mode&backup.ModeType == backup.ModeDir {
							dirs = append(dirs, info.Name)
						}
					}
					return dirs
				})
			}
			report(b)
		})
		b.Run(fmt.Sprintf("rtt=%v/pkg", rtt), func(b *testing.B) {
			c := peer(b, farServer(b, dir, rtt))
			for b.Loop() {
				walk(b, workers, func(path string) (dirs []string) {
					list, err := c.ReadDir(filepath.Join(dir, path))
					if err != nil {
						b.Error(err)
					}
					for _, info := range list {
						if info.IsDir() {
							dirs = append(dirs, info.Name())
						}
					}
					return dirs
				})
			}
			report(b)
		})
	}
}

// walk lists the top directory and then what is in it, side by side.
func walk(b *testing.B, workers int, list func(path string) (dirs []string)) {
	b.Helper()
	paths := make(chan string)
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for path := range paths {
				list(path)
			}
		}()
	}
	for _, path := range list("") {
		paths <- path
	}
	close(paths)
	wg.Wait()
}
