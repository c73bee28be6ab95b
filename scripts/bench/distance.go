package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tree is an account as a directory of the server, which is how incremental backups lie there. fill is a script that
// makes its home directory, where it runs. The second time it is there already.
func (b *bench) tree(name, fill string, args ...string) (home string, err error) {
	account := filepath.Join(b.store(name), "2026-01-05/accounts/alice")
	home = filepath.Join(account, "homedir")
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	_, err = b.shell(`mkdir -p "$1/cp"; echo USER=alice >"$1/cp/alice"; mkdir "$1/homedir"; cd "$1/homedir"; shift
`+fill, append([]string{account}, args...)...)
	return home, err
}

// files is where a mount shows the home directory of a tree.
func (s *site) files() string { return filepath.Join(s.mnt, "d/accounts/alice/latest/files") }

// installed makes an installation that reads a store from away and has indexed it, and tells how long the pass took.
func (a *away) installed(store string) (*site, time.Duration, error) {
	s, err := a.site(a.store(store), a.port)
	if err != nil {
		return nil, 0, err
	}
	took, err := s.index()
	return s, took, err
}

// measureSequential reads one large file of a tree. Who is slow gets a smaller one.
func measureSequential(b *bench) ([]figure, error) {
	home, err := b.tree("large", `
head -c "${1}000000" /dev/urandom >1; head -c "$(($1 / 4))000000" 1 >4; head -c "$(($1 / 32))000000" 1 >32`, fmt.Sprint(b.file))
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, rtt := range []time.Duration{0, distance, 5 * distance} {
		more, err := b.sequential(home, rtt)
		if err != nil {
			return nil, err
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

func (b *bench) sequential(home string, rtt time.Duration) ([]figure, error) {
	a, err := b.away(rtt)
	if err != nil {
		return nil, err
	}
	defer a.close()
	s, _, err := a.installed("large")
	if err != nil {
		return nil, err
	}
	part, rounds := 1, 3 // in turns: a machine is slower at times
	if rtt > 0 {
		rounds = 1
	}
	if rtt > distance {
		part = 4
	}
	var ours, sftp, same float64
	best := func(seen *float64, part int, took time.Duration, err error) error {
		if err == nil {
			*seen = max(*seen, float64(b.file)/float64(part)/took.Seconds())
		}
		return err
	}
	for range rounds {
		err := s.cold(func() error {
			if err := b.warm(home); err != nil {
				return err
			}
			took, err := b.timed(1, `cat "$1" >/dev/null`, s.files()+"/1")
			return best(&ours, 1, took, err)
		})
		if err != nil {
			return nil, err
		}
		for options, seen := range map[string]*float64{a.logIn(): &sftp, a.sshOptions(): &same} {
			took, err := a.sftp(options, fmt.Sprintf("%s/%d", home, part))
			if err := best(seen, part, took, err); err != nil {
				return nil, err
			}
		}
	}
	var plain, tuned float64
	for options, seen := range map[string]*float64{sshfsPlain: &plain, sshfsBest: &tuned} {
		err = a.sshfs(home, options, func(mnt string) error {
			took, err := b.timed(1, `cat "$1" >/dev/null`, mnt+"/32")
			return best(seen, 32, took, err)
		})
		if err != nil {
			return nil, err
		}
	}
	again, err := a.secondRead(s, `cat "$1" >/dev/null`, s.files()+"/32")
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("read a large file in order, %v: rate, of ", a)
	note := fmt.Sprintf(" (%.0f MB/s; sftp %.0f, sshfs %.1f; %.2f of sftp with slotfs's cipher)", ours, sftp, plain, ours/same)
	beside := fmt.Sprintf(" (%.2g with -o %s)", ours/tuned, sshfsBest)
	if rtt == 0 {
		return []figure{atLeast(what+"sftp get as it is by default", ours/sftp, 1, note)}, nil
	}
	return []figure{
		atLeast(what+"sftp get as it is by default", ours/sftp, 2, note),
		atLeast(what+"sshfs as it is by default", ours/plain, 10, beside),
		atMost(fmt.Sprintf("read again after a new mount, %v: bytes of content received", a), float64(again), 0, ""),
	}, nil
}

// secondRead runs a script on a mount and again on the next one, and tells how many bytes of content came the second time:
// what is there while nobody reads is not counted.
func (a *away) secondRead(s *site, script, name string) (int64, error) {
	var idle, second int64
	for i := range 3 {
		err := s.mounted(func() error {
			before := a.received()
			if i > 0 {
				_, err := a.shell(script, name)
				if err != nil {
					return err
				}
			}
			time.Sleep(time.Second)
			switch i {
			case 0:
				idle = a.received() - before
			case 2:
				second = a.received() - before
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return max(0, second-idle), nil
}

// measureSmall copies a tree of small files.
func measureSmall(b *bench) ([]figure, error) {
	home, err := b.tree("small", `
fill() { # fill DIRECTORY N: N files of 4 KiB
	mkdir "$1"; head -c "$(($2 * 4096))" /dev/urandom | (cd "$1" && split -a 6 -b 4096 -d)
}
for i in 1 2 3 4 5 6 7 8 9 10; do fill "all-$i" "$(($1 / 10))"; done
mkdir all; mv all-* all/; fill some "$(($1 / 10))"; fill few "$(($1 / 50))"`, fmt.Sprint(b.small))
	if err != nil {
		return nil, err
	}
	a, err := b.away(distance)
	if err != nil {
		return nil, err
	}
	defer a.close()
	s, _, err := a.installed("small")
	if err != nil {
		return nil, err
	}
	copies := func(command, from string, n int) (float64, error) {
		to, err := os.MkdirTemp(b.dir, "copy")
		if err != nil {
			return 0, err
		}
		took, err := b.timed(1, command+` "$1" "$2"`, from, to)
		return float64(n) / took.Seconds(), err
	}
	var ours, sshfs, rclone float64
	if err := s.mounted(func() (err error) { ours, err = copies("cp -a", s.files()+"/all", b.small); return err }); err != nil {
		return nil, err
	}
	if err := a.sshfs(home, sshfsPlain, func(mnt string) (err error) { sshfs, err = copies("cp -a", mnt+"/few", b.small/50); return err }); err != nil {
		return nil, err
	}
	// rclone answers questions about extended attributes with EIO, so cp must not ask.
	if err := a.rclone(home, func(mnt string) (err error) {
		rclone, err = copies("cp -r --preserve=timestamps", mnt+"/some", b.small/10)
		return err
	}); err != nil {
		return nil, err
	}
	again, err := a.secondRead(s, `tar -cf - -C "$1" . | cat >/dev/null`, s.files()+"/some")
	return []figure{
		atLeast("cp -a of files of 4 KiB, 20 ms: files/s", ours, 500, ""),
		atLeast("cp -a of files of 4 KiB, 20 ms: rate, of sshfs", ours/sshfs, 40, fmt.Sprintf(" (sshfs %.1f files/s)", sshfs)),
		atLeast("cp -a of files of 4 KiB, 20 ms: rate, of rclone mount", ours/rclone, 10, fmt.Sprintf(" (rclone %.1f files/s)", rclone)),
		atMost("read small files again after a new mount, 20 ms: bytes of content received", float64(again), 0, ""),
	}, err
}

// measureWalk passes over a tree with many directories, and over one with a single large one.
func measureWalk(b *bench) ([]figure, error) {
	home, err := b.tree("directories", `
mkdir few all; seq -f 'all/%05.0f' "$1" | xargs mkdir; seq -f 'few/%05.0f' "$(($1 / 50))" | xargs mkdir
for d in all/* few/*; do for i in 0 1 2 3 4 5 6 7 8 9; do : >"$d/$i"; done; done`, fmt.Sprint(b.directories))
	if err != nil {
		return nil, err
	}
	a, err := b.away(distance)
	if err != nil {
		return nil, err
	}
	defer a.close()
	_, took, err := a.installed("directories")
	if err != nil {
		return nil, err
	}
	entries := 11 * float64(b.directories+b.directories/50)
	ours := entries / took.Seconds()
	start := time.Now()
	out, err := a.rcloneList(home)
	if err != nil {
		return nil, err
	}
	rclone := float64(lines(out)) / time.Since(start).Seconds()
	var sshfs float64
	err = a.sshfs(home, sshfsPlain, func(mnt string) error {
		start := time.Now()
		out, err := b.shell(`find "$1"`, mnt+"/few")
		sshfs = float64(strings.Count(out, "\n")) / time.Since(start).Seconds()
		return err
	})
	if err != nil {
		return nil, err
	}
	one, err := a.oneDirectory()
	return []figure{
		atLeast("walk of directories with 10 files, 20 ms: entries/s", ours, 10_000, ""),
		atLeast("walk of directories with 10 files, 20 ms: rate, of find on sshfs", ours/sshfs, 30, fmt.Sprintf(" (sshfs %.0f/s)", sshfs)),
		atLeast("walk of directories with 10 files, 20 ms: rate, of rclone lsf -R", ours/rclone, 1, fmt.Sprintf(" (rclone %.0f/s)", rclone)),
		atLeast("walk of one large directory, 20 ms: entries/s", one, 20_000, ""),
	}, err
}

// oneDirectory passes over a tree with all its files in one directory, and returns entries a second.
func (a *away) oneDirectory() (float64, error) {
	if _, err := a.tree("directory", `mkdir cur; cd cur; seq -f '17%08.0f.M1P2.srv1,S=4096:2,S' "$1" | xargs touch`, fmt.Sprint(10*a.directories)); err != nil {
		return 0, err
	}
	_, took, err := a.installed("directory")
	return float64(10*a.directories) / took.Seconds(), err
}
