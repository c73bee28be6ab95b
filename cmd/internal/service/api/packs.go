package api

import (
	"context"
	"time"
)

// ExportRequest says what is exported, and where to.
type ExportRequest struct {
	Directory   string    `json:"directory"`             // absolute, on the machine of the service
	Destination string    `json:"destination,omitempty"` // empty: all
	Account     string    `json:"account,omitempty"`     // empty: all
	Since       time.Time `json:"since,omitzero"`        // indexed since then
}

// ExportedPack is a pack that was written.
type ExportedPack struct {
	Name        string `json:"name"`
	Destination string `json:"destination"`
	Origin      string `json:"origin,omitempty"`
	Account     string `json:"account,omitempty"`
	Snapshots   int    `json:"snapshots"`
	Fresh       bool   `json:"fresh"` // it was not there before
}

// ImportRequest says what is imported.
type ImportRequest struct {
	Directory   string `json:"directory"`             // absolute, on the machine of the service
	Destination string `json:"destination,omitempty"` // that the packs are of; empty: of those that they name
}

// ImportedPacks tells what became of packs.
type ImportedPacks struct {
	Packs    int           `json:"packs"`
	New      int           `json:"new"`   // snapshots that were taken in
	Known    int           `json:"known"` // that the index had
	Failures []PackFailure `json:"failures"`
}

// PackFailure is why a pack was not taken, or not to its end.
type PackFailure struct {
	Name  string `json:"name"`
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// Packer exports and imports parts of the index.
type Packer interface {
	ExportPacks(ctx context.Context, q ExportRequest) ([]ExportedPack, error)
	ImportPacks(ctx context.Context, q ImportRequest) (*ImportedPacks, error)
}

func (h *Handlers) packRoutes() []route {
	return []route{
		change("POST", "/packs/export", "snapshots of the index are written as packs into a directory of the service's machine", administrators,
			func(c *Call, _ none, q ExportRequest) ([]ExportedPack, error) {
				return h.service.ExportPacks(c.Context, q)
			}),
		change("POST", "/packs/import", "packs in a directory of the service's machine are taken into the index", administrators,
			func(c *Call, _ none, q ImportRequest) (*ImportedPacks, error) {
				return h.service.ImportPacks(c.Context, q)
			}),
	}
}

// ExportPacks has the owner of the index write packs.
func (c *Client) ExportPacks(ctx context.Context, q ExportRequest) (written []ExportedPack, err error) {
	err = c.post(ctx, "/packs/export", q, &written)
	return written, err
}

// ImportPacks has the owner of the index take packs in.
func (c *Client) ImportPacks(ctx context.Context, q ImportRequest) (*ImportedPacks, error) {
	out := new(ImportedPacks)
	if err := c.post(ctx, "/packs/import", q, out); err != nil {
		return nil, err
	}
	return out, nil
}
