package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
)

//go:embed page
var embedded embed.FS

// file is one of the page.
type file struct {
	media, tag string
	bytes      []byte
}

// medias are the types of the files that the page has.
var medias = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// pages are the files of the page by their path.
func pages() map[string]file {
	all := map[string]file{}
	err := fs.WalkDir(embedded, "page", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := embedded.ReadFile(p)
		sum := sha256.Sum256(text)
		all[p[len("page"):]] = file{medias[path.Ext(p)], strconv.Quote(hex.EncodeToString(sum[:12])), text}
		return err
	})
	if err != nil {
		panic(err) // of what is in the program itself
	}
	all["/"], all["/login"] = all["/index.html"], all["/index.html"]
	return all
}

// page serves the files of the page, which have nothing of anybody.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	f, ok := s.pages[r.URL.Path]
	if !ok {
		refuse(w, http.StatusNotFound, "there is no such page", "")
		return
	}
	w.Header().Set("Content-Type", f.media)
	w.Header().Set("ETag", f.tag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(f.bytes)
}
