package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/fs"
	"slotfs/indexer/backup"
)

const (
	// contentPiece is what is read at once of a file that is sent.
	contentPiece = 1 << 20
	// trailerFailure has what ended the content early, as JSON; a content without it is whole.
	trailerFailure = "Slotfs-Failure"
)

type contentParams struct {
	Path     string `query:"path" doc:"of the file"`
	ID       uint64 `query:"id" doc:"of the file; administrators only"`
	Download bool   `query:"download" doc:"as a file to keep, with its name"`
}

// content sends a file, or the part of it that Range asks for. Where the end of it cannot be read the connection breaks off; who sends
// TE: trailers hears why in the trailer Slotfs-Failure instead.
func (h *Handlers) content(c *Call, p contentParams) error {
	t, n, err := h.place(c, p.Path, p.ID, true)
	if err != nil {
		return err
	}
	if n.Attr.Mode&backup.ModeType != backup.ModeRegular {
		return exit.Usagef("%s: not a regular file", p.Path)
	}
	tag := entityTag(&n)
	head := c.w.Header()
	head.Set("ETag", tag)
	head.Set("Accept-Ranges", "bytes")
	head.Set("Cache-Control", "private, no-cache")
	if c.r.Header.Get("If-None-Match") == tag {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	part, err := rangeOf(c.r, n.Attr.Size, tag)
	if err != nil {
		head.Set("Content-Range", fmt.Sprintf("bytes */%d", n.Attr.Size))
		return err
	}
	f, err := t.Open(c.Context, &n)
	if err != nil {
		return err
	}
	defer f.Close()
	if p.Download {
		name := n.Name
		if p.Path != "" {
			name = path.Base(p.Path)
		}
		head.Set("Content-Disposition", attachment(name))
	}
	return c.send(f, part, n.Attr.Size)
}

// entityTag changes when the content of a node does: a snapshot that is read again is another one.
func entityTag(n *browse.Node) string {
	return fmt.Sprintf(`"%x-%x-%x-%x"`, n.ID, n.Attr.Size, n.Attr.MTime.Sec, n.Attr.MTime.Nsec)
}

// attachment is the disposition of a download (RFC 6266). Its name is percent-encoded (RFC 8187): no byte of it can be taken for anything
// else. For who does not know that there is one of plain letters.
func attachment(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, name)
	return `attachment; filename="` + plain + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(strings.ToValidUTF8(name, "_")), "+", "%20")
}

// span is a part of a file.
type span struct {
	from, length int64
	partial      bool
}

// rangeOf is the part of a file that a request asks for: one range, or else everything.
func rangeOf(r *http.Request, size int64, tag string) (span, error) {
	all := span{0, size, false}
	spec, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return all, nil
	}
	if unless := r.Header.Get("If-Range"); unless != "" && unless != tag {
		return all, nil
	}
	if first == "" { // the last bytes
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n <= 0 {
			return all, errRange
		}
		n = min(n, size)
		return span{size - n, n, true}, nil
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 || from >= size {
		return all, errRange
	}
	to := size - 1
	if last != "" {
		if to, err = strconv.ParseInt(last, 10, 64); err != nil || to < from {
			return all, errRange
		}
		to = min(to, size-1)
	}
	return span{from, to - from + 1, true}, nil
}

// pieces are the buffers that contents are sent from.
var pieces = sync.Pool{New: func() any { b := make([]byte, contentPiece); return &b }}

// send sends a part of a file. What cannot be read at its beginning is an error of its own.
func (c *Call) send(f fs.File, part span, size int64) error {
	buf := pieces.Get().(*[]byte)
	defer pieces.Put(buf)
	r := &spanReader{ctx: c.Context, file: f, at: part.from, left: part.length}
	n, err := 0, error(nil)
	if c.r.Method != http.MethodHead && part.length > 0 {
		if n, err = r.next(*buf); n == 0 && err != nil {
			return err
		}
	}
	head := c.w.Header()
	head.Set("Content-Type", contentBytes)
	head.Set("X-Content-Type-Options", "nosniff")
	trailers := strings.Contains(c.r.Header.Get("TE"), "trailers")
	if trailers {
		head.Set("Trailer", trailerFailure)
	} else {
		head.Set("Content-Length", strconv.FormatInt(part.length, 10))
	}
	status := http.StatusOK
	if part.partial {
		status = http.StatusPartialContent
		head.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.from, part.from+part.length-1, size))
	}
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	for n > 0 {
		if _, writeErr := c.w.Write((*buf)[:n]); writeErr != nil {
			return nil // who asked is gone
		}
		if err != nil || r.left == 0 {
			break
		}
		n, err = r.next(*buf)
	}
	return c.sent(err, trailers)
}

// sent ends an answer of bytes.
func (c *Call) sent(err error, trailers bool) error {
	if err == nil {
		return nil
	}
	abort(c.r)
	if !trailers {
		panic(http.ErrAbortHandler) // or it would look whole
	}
	text, _ := json.Marshal(failureOf(err)) // it has text and a number only
	c.w.Header().Set(trailerFailure, string(text))
	return nil
}

// spanReader reads a part of a file piece by piece.
type spanReader struct {
	ctx      context.Context
	file     fs.File
	at, left int64
}

// next reads the next piece.
func (r *spanReader) next(buf []byte) (int, error) {
	n, err := r.file.ReadAt(r.ctx, buf[:min(r.left, int64(len(buf)))], r.at)
	r.at, r.left = r.at+int64(n), r.left-int64(n)
	switch {
	case err != nil && errors.Is(err, io.EOF) && r.left == 0:
		err = nil
	case err == nil && n == 0 && r.left > 0:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
