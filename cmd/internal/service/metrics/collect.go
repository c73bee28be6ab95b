package metrics

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"slotfs/cmd/internal/service/history"
)

// collector makes metrics of values each time it is asked. It declares none before: which ones there are depends on the values.
type collector struct{ values func() *Values }

var _ prometheus.Collector = (*collector)(nil)

// Describe implements prometheus.Collector.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	v := c.values()
	if v == nil {
		return
	}
	s := sink{out}
	s.gauge(buildInfo, 1, v.Version)
	if v.Mounted != nil {
		s.gauge(mountUp, truth(*v.Mounted))
	}
	for event, n := range v.Alarms {
		s.gauge(alarms, float64(n), event)
	}
	for name, n := range v.Undelivered {
		s.gauge(unheard, float64(n), name)
	}
	if v.Board != nil {
		s.board(v.Board, v.Watched)
	}
	for _, g := range v.Gone {
		s.gauge(goneAccounts, float64(g.Accounts), g.Job, g.Destination)
	}
	for i := range v.Destinations {
		s.destination(&v.Destinations[i])
	}
	if x := v.Index; x != nil {
		s.gauge(indexSnapshots, float64(x.Snapshots))
		s.gauge(indexDirectories, float64(x.Directories))
		s.gauge(indexPoints, float64(x.Points))
		s.gauge(indexBytes, float64(x.DiskBytes))
	}
	if c := v.Cache; c != nil {
		s.gauge(cacheBytes, float64(c.Bytes))
		s.gauge(cacheLimit, float64(c.Limit))
		s.counter(cacheHits, float64(c.Hits))
		s.counter(cacheMisses, float64(c.Misses))
	}
}

// sink takes metrics.
type sink struct{ out chan<- prometheus.Metric }

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.put(prometheus.NewConstMetric(d, prometheus.GaugeValue, v, valid(labels)...))
}

func (s sink) counter(d *prometheus.Desc, v float64, labels ...string) {
	s.put(prometheus.NewConstMetric(d, prometheus.CounterValue, v, valid(labels)...))
}

func (s sink) put(m prometheus.Metric, err error) {
	if err == nil {
		s.out <- m
	}
}

// time shows when something was; what never was is not shown.
func (s sink) time(d *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		s.gauge(d, float64(t.UnixMilli())/1000, labels...)
	}
}

// valid makes labels of names, which may be any bytes. No two become the same one.
func valid(labels []string) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		if !utf8.ValidString(l) {
			l = strconv.QuoteToASCII(l)
		}
		out[i] = l
	}
	return out
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// board shows what the history tells.
func (s sink) board(b *history.Board, watched func(history.Key) bool) {
	newest := map[history.Key]time.Time{} // of jobs
	totals := map[history.Key]map[history.Result]int{}
	for key, standing := range b.All {
		if watched != nil && !watched(key) {
			continue
		}
		switch key.Kind {
		case history.Backup:
			s.backup(key, standing)
			job := history.Key{Kind: history.Backup, Destination: key.Destination, Job: key.Job}
			if t, ok := newest[job]; !ok || standing.LastGood.After(t) {
				newest[job] = standing.LastGood
			}
			add(totals, job, standing.Count)
		case history.Run:
			s.run(key, standing)
			add(totals, key, standing.Count)
		case history.Pass:
			if key.Account != "" {
				continue
			}
			s.pass(key, standing)
			add(totals, key, standing.Count)
		case history.Verify:
			s.gauge(differences, float64(standing.Last.Differences), key.Job, key.Account, key.Destination)
		}
	}
	for job, t := range newest {
		s.time(runSuccess, t, job.Job, job.Destination)
	}
	s.totals(totals)
}

// add sums up results: a job that was moved to another destination goes on counting.
func add(totals map[history.Key]map[history.Result]int, key history.Key, counts map[history.Result]int) {
	if key.Job != "" {
		key.Destination = ""
	}
	if totals[key] == nil {
		totals[key] = map[history.Result]int{}
	}
	for result, n := range counts {
		totals[key][result] += n
	}
}

func (s sink) totals(totals map[history.Key]map[history.Result]int) {
	for key, counts := range totals {
		for result, n := range counts {
			switch key.Kind {
			case history.Backup:
				s.counter(backups, float64(n), key.Job, string(result))
			case history.Run:
				s.counter(runs, float64(n), key.Job, string(result))
			case history.Pass:
				s.counter(passes, float64(n), key.Destination, string(result))
			}
		}
	}
}
