package api

import (
	"context"
	"errors"
	iofs "io/fs"
	"net/http"
	"sync"
	"syscall"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/service/live"
	"slotfs/cmd/internal/service/restores"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// Handlers answer the requests of the API by what a service does.
type Handlers struct {
	service   Service
	events    *hub
	restores  *restores.Board
	live      *live.Board
	orders    *orders
	downloads *downloads
	launches  *jobs.Launches
	work      context.Context // passes and restores that nobody waits for end with it
	tasks     sync.WaitGroup
	routes    []route
	document  func() map[string]any
}

// New makes the handlers of a service. What they start ends with ctx, and Wait returns then.
func New(ctx context.Context, s Service, version string) *Handlers {
	h := &Handlers{service: s, events: newHub(), orders: newOrders(), downloads: newDownloads(), launches: &jobs.Launches{Command: s.Command}, work: ctx}
	h.restores = restores.NewBoard(func(st restores.State) { h.events.publish(Event{Restore: &st}) })
	h.live = live.NewBoard(func(st live.State) { h.events.publish(Event{Live: &st}) })
	h.routes = append(h.routes, h.treeRoutes()...)
	h.routes = append(h.routes, h.downloadRoutes()...)
	h.routes = append(h.routes, h.catalogRoutes()...)
	h.routes = append(h.routes, h.stateRoutes()...)
	h.routes = append(h.routes, h.packRoutes()...)
	h.routes = append(h.routes, h.jobRoutes()...)
	h.routes = append(h.routes, h.restoreRoutes()...)
	h.routes = append(h.routes, h.liveRoutes()...)
	h.routes = append(h.routes, get("/openapi.json", "this document", owners, func(*Call, none) (map[string]any, error) { return h.document(), nil }))
	h.document = sync.OnceValue(func() map[string]any { return document(h.routes, version) })
	return h
}

// Wait returns when nothing runs any more that handlers started.
func (h *Handlers) Wait() {
	h.restores.Wait()
	h.launches.Wait()
	h.live.Wait()
	h.tasks.Wait()
}

// For answers requests of whoever who says.
func (h *Handlers) For(who func(*http.Request) (login.Identity, error)) http.Handler {
	mux := http.NewServeMux()
	for i := range h.routes {
		mux.HandleFunc(h.routes[i].pattern(), h.routes[i].handle(who))
	}
	mux.HandleFunc("/", unknownRoute)
	return mux
}

// ForRoot answers requests of root.
func (h *Handlers) ForRoot() http.Handler {
	return h.For(func(*http.Request) (login.Identity, error) { return login.Root, nil })
}

// statusOf is the HTTP status of an error.
func statusOf(err error) int {
	switch {
	case errors.Is(err, errForbidden), errors.Is(err, iofs.ErrPermission), errors.Is(err, browse.ErrOutside):
		return http.StatusForbidden
	case errors.Is(err, errNobody):
		return http.StatusUnauthorized
	case errors.Is(err, errRange):
		return http.StatusRequestedRangeNotSatisfiable
	case errors.Is(err, iofs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, view.ErrGone):
		return http.StatusNotFound
	case errors.Is(err, backup.ErrStale):
		return http.StatusGone
	case errors.Is(err, dest.ErrUnreachable), errors.Is(err, dest.ErrAuth):
		return http.StatusBadGateway
	}
	if errors.Is(err, errTooMany) {
		return http.StatusServiceUnavailable
	}
	switch exit.Code(err) {
	case exit.Usage:
		return http.StatusBadRequest
	case exit.Busy:
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// errNobody says that nobody knows who is asking.
var errNobody = errors.New("not logged in")

// errRange says that a file has no such bytes.
var errRange = errors.New("no such range")
