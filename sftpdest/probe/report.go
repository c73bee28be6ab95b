// Package probe measures a destination for whoever sets one up: what the server is, how fast, and what it allows. It is a caller of package
// sftpdest, and the only one that opens connections besides its pool: to find out how many the server takes.
package probe

import "time"

// settings say what a probe may do.
type Options struct {
	Write       bool          // make a file in the directory, measure with it, and remove it
	Time        time.Duration // of each measurement of a rate; 0: 3 s
	Connections int           // most that are opened to find what the server allows; 0: 16
}

// Report is what was found. What was not measured is 0, and Skipped has the reason by the name of the field.
type Report struct {
	Address       string   `json:"address"`
	Server        string   `json:"server"`        // its SSH version
	Authenticated string   `json:"authenticated"` // method
	Extensions    []string `json:"extensions"`    // of SFTP
	Entries       int      `json:"entries"`       // in the directory

	ConnectSeconds   float64 `json:"connect_seconds"` // from the first packet to the listing
	RoundTripSeconds float64 `json:"round_trip_seconds"`
	FsyncSeconds     float64 `json:"fsync_seconds,omitempty"` // to have 4 KiB on disk that the server has got

	Connections    int     `json:"connections"`                // that "many" stands for
	ReadOne        float64 `json:"read_one,omitempty"`         // bytes per second over one connection
	ReadMany       float64 `json:"read_many,omitempty"`        // over several
	WriteOne       float64 `json:"write_one,omitempty"`        // the same of writing
	WriteMany      float64 `json:"write_many,omitempty"`       //
	Free           uint64  `json:"free_bytes,omitempty"`       // for this user
	Size           uint64  `json:"size_bytes,omitempty"`       // of the file system
	Allowed        int     `json:"allowed_connections"`        // at the same time
	AllowedIsLimit bool    `json:"allowed_is_limit"`           // one more was refused; otherwise no more were tried
	Sessions       int     `json:"sessions_per_connection"`    //
	Replaces       bool    `json:"rename_replaces"`            // renaming replaces a file that is there, at once
	Clock          float64 `json:"clock_difference,omitempty"` // seconds that the server's clock is ahead, to a second

	Skipped map[string]string `json:"skipped,omitempty"`
}
