package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/config"
)

// maxExcludeFile bounds a file with patterns.
const maxExcludeFile = 1 << 20

// excludes are the patterns of a job as they count from the root of the backup: people write them as they count from
// the source. What was staged is never left out.
func excludes(j *config.Job, folder string) ([]string, error) {
	if j.Prefix == "" {
		if len(j.Exclude) == 0 && j.ExcludeFile == "" {
			return nil, nil
		}
		return append([]string{"+ /" + stagedAs + "/***"}, j.Exclude...), nil
	}
	own, err := excludeLines(folder, j.ExcludeFile)
	if err != nil {
		return nil, err
	}
	below := belowPrefix(j.Prefix, j.Exclude)
	return append(below, belowPrefix(j.Prefix, own)...), nil
}

// belowPrefix moves patterns to where the source stands in the backup. One that is not anchored matches in the folder
// and anywhere below it.
func belowPrefix(prefix string, patterns []string) []string {
	prefix = "/" + literal(prefix)
	var out []string
	for _, p := range patterns {
		kind := ""
		switch {
		case p == "!":
			out = nil // forgets what came before it
			continue
		case strings.HasPrefix(p, "+ "), strings.HasPrefix(p, "- "):
			kind, p = p[:2], p[2:]
		}
		if strings.HasPrefix(p, "/") {
			out = append(out, kind+prefix+p)
			continue
		}
		out = append(out, kind+prefix+"/"+p, kind+prefix+"/**/"+p)
	}
	return out
}

// literal escapes what patterns read as more than a character.
func literal(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// excludeLines reads the file with patterns that the owner of a folder may have put there. He must not lead us
// elsewhere, nor have us wait.
func excludeLines(folder, name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	path := filepath.Join(folder, name)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("exclude file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("exclude file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxExcludeFile {
		return nil, fmt.Errorf("exclude file %s: want a regular file of at most %d bytes", path, maxExcludeFile)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxExcludeFile))
	if err != nil {
		return nil, fmt.Errorf("exclude file: %w", err)
	}
	var lines []string
	for line := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line[0] != '#' && line[0] != ';' {
			lines = append(lines, line)
		}
	}
	return lines, nil
}
