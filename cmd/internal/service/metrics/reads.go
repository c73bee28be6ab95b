package metrics

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"slotfs/indexer/backup"
)

// Reads count what is read of snapshots.
type Reads struct {
	seconds *prometheus.HistogramVec
	bytes   *prometheus.CounterVec
}

// NewReads counts from 0.
func NewReads() *Reads {
	return &Reads{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "slotfs_read_duration_seconds", Help: "Reads of files of snapshots, by result.",
			Buckets: []float64{.0005, .002, .008, .03, .125, .5, 2, 8, 30}}, []string{"destination", "result"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "slotfs_read_bytes_total", Help: "Bytes read of files of snapshots."}, ofDestination),
	}
}

// Saw counts a read that took so long. A nil Reads counts nothing.
func (r *Reads) Saw(destination string, took time.Duration, n int, err error) {
	if r == nil {
		return
	}
	r.seconds.WithLabelValues(destination, result(err)).Observe(took.Seconds())
	r.bytes.WithLabelValues(destination).Add(float64(n))
}

// result sorts the errors of reads.
func result(err error) string {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return "ok"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, backup.ErrStale), errors.Is(err, fs.ErrNotExist):
		return "stale"
	}
	return "error"
}
