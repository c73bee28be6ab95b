package service

import (
	"context"
	"log/slog"
	"sync"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
)

// listeners are what a service that lasts answers on beside the control socket.
type listeners struct {
	mu sync.Mutex
	// mu guards what follows.
	ctx                        context.Context // they end with it; nil: nothing is served
	metrics, sftp, page, panel listener
}

func newListeners(log *slog.Logger) *listeners {
	return &listeners{metrics: listener{what: "metrics", log: log}, sftp: listener{what: "sftp-server", log: log}, page: listener{what: "web", log: log},
		panel: listener{what: "panel", log: log}}
}

// begin has follow serve, until end.
func (l *listeners) begin(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ctx = ctx
}

func (l *listeners) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ctx = nil
	l.metrics.stop()
	l.sftp.stop()
	l.page.stop()
	l.panel.stop()
}

// follow answers at the addresses of a configuration from now on.
func (s *Service) follow(c *config.Config) {
	l := s.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx == nil {
		return
	}
	s.followMetrics(l.ctx, &l.metrics, c.Metrics.Listen)
	s.followSFTP(l.ctx, &l.sftp, c.SFTPServer)
	s.followWeb(l.ctx, &l.page, c.Web)
	s.followPanel(l.ctx, &l.panel, c.Panel)
}

// listener answers with the settings that the configuration has, or not at all.
type listener struct {
	what    string // in the log
	log     *slog.Logger
	setting any // what it answers with, or was refused with
	cancel  context.CancelFunc
	ended   chan struct{}
}

// follow answers with a setting from now on. start takes the address; nil instead of it says that nobody is to answer. One that
// cannot be had is said once, and tried again.
func (l *listener) follow(ctx context.Context, setting any, same func(any) bool, start func() (serve func(context.Context) error, err error)) {
	known := l.setting != nil && same(l.setting)
	if l.cancel != nil && known {
		return
	}
	l.stop()
	l.setting = setting
	if start == nil {
		return
	}
	serve, err := start()
	if err != nil {
		if !known {
			l.log.Warn(l.what+" is not served", "error", err, "hint", exit.Hint(err))
		}
		return
	}
	ctx, l.cancel = context.WithCancel(ctx)
	l.ended = make(chan struct{})
	go func() {
		defer close(l.ended)
		if err := serve(ctx); err != nil {
			l.log.Warn(l.what, "error", err)
		}
	}()
}

// stop ends answering.
func (l *listener) stop() {
	if l.cancel == nil {
		return
	}
	l.cancel()
	<-l.ended
	l.cancel = nil
}
