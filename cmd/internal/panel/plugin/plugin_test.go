package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"slotfs/cmd/internal/exit"
)

// fakePanel is a machine with both panels, whose commands note what they are asked for, and fail while the file fail is there.
func fakePanel(t *testing.T) *Place {
	t.Helper()
	root := t.TempDir()
	run := "#!/bin/sh\n[ ! -e " + root + "/fail ] || { echo it went wrong; exit 7; }\necho \"$(basename $0) $* $(umask)\" >>" + root + "/ran\n"
	for path, text := range map[string]string{
		"usr/local/cpanel/version": "11.132.0.4\n", "usr/local/cpanel/Cpanel/API/Email.pm": "", "usr/local/cpanel/whostmgr/docroot/cgi/other.cgi": "", "usr/local/cpanel/base/frontend/jupiter/index.html": "", "usr/local/directadmin/directadmin": "",
		"usr/local/directadmin/plugins/other/plugin.conf": "id=other\n", "usr/local/cpanel/whostmgr/docroot/addon_plugins/other.png": "x",
		"usr/local/cpanel/bin/register_appconfig": run, "usr/local/cpanel/bin/unregister_appconfig": run,
		"usr/local/cpanel/scripts/install_plugin": run, "usr/local/cpanel/scripts/uninstall_plugin": run,
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &Place{Root: root, State: filepath.Join(root, "state/panel"), Program: "/usr/bin/slotfs", Socket: "/run/slotfs/panel.sock",
		Control: "/var/lib/slotfs/control.sock", Version: "1.2.3 (abc)"}
}

// listing is every file below a root, but for what the fakes note.
func listing(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root)
		if err != nil || name == "/ran" || strings.HasPrefix(name, "/state") || strings.HasPrefix(name, "/var") && e.IsDir() {
			return err
		}
		b.WriteString(name + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// ran is what the panel's commands were asked for since the last time.
func ran(t *testing.T, p *Place) string {
	t.Helper()
	path := filepath.Join(p.Root, "ran")
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return ""
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), p.State, "STATE")
}

func TestAPluginComesOnceAndGoesWithoutATrace(t *testing.T) {
	for _, of := range Panels() {
		t.Run(of.Name, func(t *testing.T) {
			p := fakePanel(t)
			before := listing(t, p.Root)
			for i, want := range []bool{true, false} {
				if changed, err := p.Install(t.Context(), of); err != nil || changed != want {
					t.Fatalf("installation %d: %v, %v", i, changed, err)
				}
			}
			wantRan := map[string]string{"cpanel": "register_appconfig STATE/cpanel/slotfs.conf 0022\ninstall_plugin STATE/cpanel/plugin --theme=jupiter 0022\n"}[of.Name]
			if got := ran(t, p); got != wantRan {
				t.Errorf("installed by\n%s", got)
			}
			for _, f := range of.files {
				info, err := os.Stat(p.path(of, &f))
				if err != nil || info.Mode().Perm() != f.mode {
					t.Errorf("%s: %v, %v", f.to, info, err)
				}
			}
			if was, kept, err := p.Remove(t.Context(), of); err != nil || !was || len(kept) > 0 {
				t.Fatal(was, kept, err)
			}
			wantRan = map[string]string{"cpanel": "uninstall_plugin STATE/cpanel/plugin --theme=jupiter 0022\nunregister_appconfig slotfs 0022\n"}[of.Name]
			if got := ran(t, p); got != wantRan {
				t.Errorf("removed by\n%s", got)
			}
			if after := listing(t, p.Root); after != before {
				t.Errorf("left behind\n%s\nwant\n%s", after, before)
			}
			if was, _, err := p.Remove(t.Context(), of); err != nil || was {
				t.Error("removed twice:", was, err)
			}
		})
	}
}

func TestNothingOfAnothersIsOverwrittenOrDeleted(t *testing.T) {
	for _, of := range Panels() {
		p := fakePanel(t)
		if _, err := p.Install(t.Context(), of); err != nil {
			t.Fatal(err)
		}
		path := p.path(of, &of.files[0])
		for i := range of.files {
			if !of.files[i].settings && !of.files[i].staged && strings.HasPrefix(of.files[i].from, of.Name) {
				path = p.path(of, &of.files[i])
			}
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n# mine\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Install(t.Context(), of); err == nil || !strings.Contains(err.Error(), path) || exit.Hint(err) == "" {
			t.Errorf("%s: %v", of.Name, err)
		}
		if _, kept, err := p.Remove(t.Context(), of); err != nil || !slices.Equal(kept, []string{path}) {
			t.Errorf("%s: kept %v, %v", of.Name, kept, err)
		}
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "mine") {
			t.Errorf("%s: %q, %v", of.Name, text, err)
		}
		if _, err := p.Install(t.Context(), of); err == nil {
			t.Errorf("%s: a file that is there is overwritten", of.Name)
		}
	}
}

func TestWhatAKilledRunLeftIsPutRight(t *testing.T) {
	for _, of := range Panels() {
		p := fakePanel(t)
		before := listing(t, p.Root)
		all, err := p.wanted(of)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(all) + 1 { // files are written, and the last one lacks its mode
			r, err := p.record(of)
			if err != nil {
				t.Fatal(err)
			}
			r.intend(all)
			if err := p.save(of, r); err != nil {
				t.Fatal(err)
			}
			for _, w := range all[:cut] {
				if err := w.put(); err != nil {
					t.Fatal(err)
				}
			}
			if cut > 0 {
				if err := os.Chmod(all[cut-1].path, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if changed, err := p.Install(t.Context(), of); err != nil || !changed {
				t.Fatalf("%s, cut at %d: %v, %v", of.Name, cut, changed, err)
			}
			for _, w := range all {
				if is, err := w.there(mustRecord(t, p, of)); err != nil || !is {
					t.Errorf("%s, cut at %d: %s: %v, %v", of.Name, cut, w.path, is, err)
				}
			}
			// A removal that was cut off leaves some of the files.
			for _, w := range all[:cut] {
				if err := os.Remove(w.path); err != nil {
					t.Fatal(err)
				}
			}
			if _, kept, err := p.Remove(t.Context(), of); err != nil || len(kept) > 0 || listing(t, p.Root) != before {
				t.Fatalf("%s, cut at %d: %v, %v\n%s", of.Name, cut, kept, err, listing(t, p.Root))
			}
		}
	}
}

func mustRecord(t *testing.T, p *Place, of *Panel) *record {
	t.Helper()
	r, err := p.record(of)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnotherVersionReplacesItsOwnFiles(t *testing.T) {
	for _, of := range Panels() {
		p := fakePanel(t)
		if _, err := p.Install(t.Context(), of); err != nil {
			t.Fatal(err)
		}
		p.Program, p.Version = "/usr/local/bin/slotfs", "1.3.0 (def)"
		if changed, err := p.Install(t.Context(), of); err != nil || !changed {
			t.Errorf("%s: %v, %v", of.Name, changed, err)
		}
		if changed, err := p.Install(t.Context(), of); err != nil || changed {
			t.Errorf("%s: %v, %v", of.Name, changed, err)
		}
	}
}

func TestACommandOfThePanelThatFailsIsRunAgain(t *testing.T) {
	p, of := fakePanel(t), cpanel()
	fail := filepath.Join(p.Root, "fail")
	for _, try := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := p.Install(ctx, of); return err },
		func(ctx context.Context) error { _, _, err := p.Remove(ctx, of); return err },
	} {
		if err := os.WriteFile(fail, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := try(t.Context()); err == nil || !strings.Contains(err.Error(), "it went wrong") || exit.Hint(err) == "" {
			t.Errorf("%v", err)
		}
		if err := os.Remove(fail); err != nil {
			t.Fatal(err)
		}
		if err := try(t.Context()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(ran(t, p), "\n"); n != 2 {
			t.Errorf("%d commands", n)
		}
	}
}

func TestAMachineWithoutThePanelIsRefusedInOneLine(t *testing.T) {
	p := &Place{Root: t.TempDir(), State: t.TempDir(), Program: "/usr/bin/slotfs", Socket: "/run/s", Control: "/run/c"}
	for _, of := range Panels() {
		if _, err := p.Install(t.Context(), of); exit.Code(err) != exit.Usage || exit.Hint(err) == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", of.Name, err)
		}
		if was, _, err := p.Remove(t.Context(), of); was || err != nil {
			t.Errorf("%s: %v, %v", of.Name, was, err)
		}
	}
	p = fakePanel(t)
	p.Program = "/opt/a b/slotfs'; rm -rf /;'"
	if _, err := p.Install(t.Context(), directAdmin()); exit.Code(err) != exit.Usage {
		t.Errorf("a path that ends a word in scripts: %v", err)
	}
}

// settingsOf reads lines of key=value; any other line is an error.
func settingsOf(t *testing.T, p *Place, from string) map[string]string {
	t.Helper()
	text, err := p.render(from)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
		key, value, ok := strings.Cut(line, "=")
		if _, twice := all[key]; !ok || twice || key == "" || value == "" || strings.TrimSpace(line) != line {
			t.Errorf("%s: %q", from, line)
		}
		all[key] = value
	}
	return all
}

func TestTheFilesAreWhatThePanelsDocument(t *testing.T) {
	p := fakePanel(t)
	app := settingsOf(t, p, "whm/slotfs.conf")
	for _, key := range []string{"name", "service", "url", "acls"} { // AppConfig refuses a file without them
		if app[key] == "" {
			t.Errorf("AppConfig: no %s", key)
		}
	}
	known := []string{"name", "service", "url", "entryurl", "acls", "user", "displayname", "icon", "searchtext", "target"}
	for key := range app {
		if !slices.Contains(known, key) {
			t.Errorf("AppConfig: key %s", key)
		}
	}
	cgi := "/" + cpanel().files[0].to
	if app["service"] != "whostmgr" || app["acls"] != "all" || app["user"] != "root" || app["target"] != "_self" ||
		!strings.HasSuffix(cgi, "/whostmgr/docroot"+app["url"]) || !strings.HasSuffix(cgi, "/docroot/cgi/"+app["entryurl"]) {
		t.Errorf("AppConfig: %v", app)
	}
	checkTile(t, p)
	conf := settingsOf(t, p, "directadmin/plugin.conf")
	for key, want := range map[string]string{"id": "slotfs", "active": "yes", "installed": "yes", "version": "1.2.3"} {
		if conf[key] != want {
			t.Errorf("plugin.conf: %s=%s", key, conf[key])
		}
	}
	if conf["name"] == "" || conf["author"] == "" || conf["user_run_as"] != "" || conf["admin_run_as"] != "" {
		t.Errorf("plugin.conf: %v", conf)
	}
	icon, err := p.render("slotfs.png")
	if err != nil {
		t.Fatal(err)
	}
	if picture, err := png.DecodeConfig(bytes.NewReader(icon)); err != nil || picture.Width != 48 || picture.Height != 48 {
		t.Errorf("icon %v, %v", picture, err)
	}
}

// checkTile compares install.json with what cPanel documents of link items.
func checkTile(t *testing.T, p *Place) {
	t.Helper()
	text, err := p.render("cpanel/install.json")
	if err != nil {
		t.Fatal(err)
	}
	var items []struct {
		Icon, Name, Type, ID, URI, Target, Feature, Description, Key string
		Group                                                        string `json:"group_id"`
		Order, FeatureManager                                        int
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&items); err != nil || len(items) != 1 {
		t.Fatalf("install.json: %v, %v", items, err)
	}
	i := items[0]
	if i.Type != "link" || i.Group != "files" || i.FeatureManager != 1 || i.Feature != "slotfs" || i.ID != "slotfs" || i.Key == "" || i.Name == "" || i.Icon != "slotfs.png" {
		t.Errorf("install.json: %+v", i)
	}
	if !slices.ContainsFunc(cpanel().files, func(f file) bool { return f.to == jupiter+i.URI }) {
		t.Errorf("install.json: no file %s", i.URI)
	}
}

func TestScriptsHaveNoPlaceholdersLeftAndAreValid(t *testing.T) {
	p := fakePanel(t)
	stubs := t.TempDir()
	for name, text := range map[string]string{"Cpanel/AdminBin/Call.pm": "package Cpanel::AdminBin::Call; 1;", "Cpanel/Admin/Base.pm": "package Cpanel::Admin::Base; 1;"} {
		path := filepath.Join(stubs, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, of := range Panels() {
		for i := range of.files {
			f := &of.files[i]
			text, err := p.render(f.from)
			if err != nil {
				t.Fatal(err)
			}
			if regexp.MustCompile(`@[A-Z]+@`).Match(text) {
				t.Errorf("%s: %s", f.from, text)
			}
			check := exec.Command("true")
			switch {
			case strings.HasPrefix(string(text), "#!/bin/sh\n"):
				check = exec.Command("sh", "-n")
			case strings.HasSuffix(f.from, ".pm"):
				check = exec.Command("perl", "-I", stubs, "-c", "-")
			case f.mode == 0o755:
				t.Errorf("%s: it is no script", f.from)
			}
			check.Stdin = bytes.NewReader(text)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", f.from, err, out)
			}
		}
	}
}
