// Command bench measures slotfs against the tools that people would use without it, over a real sshd on loopback, and
// prints ratios of what it saw in one run. Absolute figures depend on the machine; ratios hold.
//
//	go run ./scripts/bench [-run REGEXP] [-size MB] [-entries N] [-archives N] [-file MB] [-small N] [-directories N]
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"text/tabwriter"
)

// figure is one measured line: what was asked, what was seen, what was wanted.
type figure struct {
	what   string
	seen   string
	target string
	met    bool
}

// measure is one benchmark; it may give several figures.
type measure struct {
	name string
	run  func(*bench) ([]figure, error)
}

// measures in the order in which they run.
var measures = []measure{
	{"index", measureIndex},
	{"cold", measureCold},
	{"restore", measureRestore},
	{"find", measureFind},
	{"repeat", measureRepeat},
	{"sequential", measureSequential},
	{"small", measureSmall},
	{"walk", measureWalk},
	{"sync-full", measureFirstFull},
	{"sync-refill", measureRefill},
	{"sync-unchanged", measureUnchanged},
	{"sync-accounts", measureAccounts},
	{"sync-large", measureLarge},
	{"sync-memory", measureSyncMemory},
}

func main() {
	var o options
	pattern := flag.String("run", ".", "measure only what matches this expression")
	flag.Int64Var(&o.size, "size", 500, "content of the archive that is indexed and restored, in MB")
	flag.IntVar(&o.entries, "entries", 1_000_000, "entries of the archive that find walks")
	flag.IntVar(&o.archives, "archives", 1000, "archives of the destination that is passed twice")
	flag.IntVar(&o.file, "file", 1000, "size of the file of a tree that is read in order, in MB")
	flag.IntVar(&o.small, "small", 5000, "files of 4 KiB of the tree that is copied")
	flag.IntVar(&o.directories, "directories", 10_000, "directories of the tree that is walked; the large directory has ten times as many entries")
	flag.Parse()
	failed, err := run(regexp.MustCompile(*pattern), o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if failed > 0 {
		fmt.Printf("%d figures miss their target\n", failed)
	}
}

func run(pattern *regexp.Regexp, o options) (int, error) {
	b, err := newBench(o)
	if err != nil {
		return 0, err
	}
	defer b.close()
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	defer table.Flush()
	fmt.Fprintln(table, "what\tseen\ttarget\tmet")
	failed := 0
	for _, m := range measures {
		if !pattern.MatchString(m.name) {
			continue
		}
		figures, err := m.run(b)
		if err != nil {
			return failed, fmt.Errorf("%s: %w", m.name, err)
		}
		for _, f := range figures {
			if !f.met {
				failed++
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%v\n", f.what, f.seen, f.target, f.met)
		}
		table.Flush()
	}
	return failed, nil
}

// atMost is a figure that should not be above limit; unit stands behind the numbers.
func atMost(what string, seen, limit float64, unit string) figure {
	return figure{what, fmt.Sprintf("%.3g%s", seen, unit), fmt.Sprintf("<= %.3g%s", limit, unit), seen <= limit}
}

// atLeast is a figure that should not be below limit.
func atLeast(what string, seen, limit float64, unit string) figure {
	return figure{what, fmt.Sprintf("%.3g%s", seen, unit), fmt.Sprintf(">= %.3g%s", limit, unit), seen >= limit}
}
