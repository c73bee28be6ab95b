package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
)

// modulesOf lists the modules that a binary was linked with.
func modulesOf(binary string) ([]*debug.Module, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	if len(info.Deps) == 0 {
		return nil, errors.New("the binary names no modules")
	}
	return info.Deps, nil
}

// notice is the name of a file that says under what terms a module may be used.
var notice = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright|patents)([-.].*)?$`)

// writeNotices puts the notices of all modules into one file. A module without one is an error.
func (r *release) writeNotices(modules []*debug.Module, path string) error {
	var b strings.Builder
	b.WriteString("slotfs: Unlicensed. Its owner has not chosen terms.\n\nIt contains the following modules, and the standard library of Go, under their terms.\n")
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	if err := addNotices(&b, "Go", strings.TrimSpace(string(goroot))); err != nil {
		return err
	}
	for _, m := range modules {
		dir, err := r.directory(m)
		if err == nil {
			err = addNotices(&b, m.Path+" "+m.Version, dir)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// directory is where the module cache has a module.
func (r *release) directory(m *debug.Module) (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", m.Path+"@"+m.Version)
	cmd.Dir = r.source
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download: %w", err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil {
		return "", err
	}
	return found.Dir, nil
}

func addNotices(b *strings.Builder, name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !notice.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		found = true
		fmt.Fprintf(b, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 80), name, e.Name(), strings.TrimSpace(string(text)))
	}
	if !found {
		return fmt.Errorf("%s: no notice", dir)
	}
	return nil
}

// bill is the part of CycloneDX 1.5 that says which modules are in a binary:
// https://cyclonedx.org/docs/1.5/json/
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	URL     string `json:"purl"`
}

// writeBill writes the list of the modules in a binary.
func (r *release) writeBill(modules []*debug.Module, path string) error {
	b := bill{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{
		Timestamp: r.time.Format("2006-01-02T15:04:05Z"), Component: newComponent("application", "slotfs", r.version)}}
	for _, m := range modules {
		b.Components = append(b.Components, newComponent("library", m.Path, m.Version))
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func newComponent(kind, name, version string) component {
	url := "pkg:golang/" + name + "@" + strings.ReplaceAll(version, "+", "%2B")
	return component{Type: kind, Ref: url, Name: name, Version: version, URL: url}
}
