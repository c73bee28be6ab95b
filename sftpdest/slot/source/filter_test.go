package source

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// oraclePaths are what patterns are held against; directories end with '/'.
var oraclePaths = []string{
	"foo", "bar", "foo.o", "a/foo", "a/b/foo", "a/b/c/foo/bar", "foobar", "xfoo", "a/foobar/x", "dir/", "dir/dir/x", "dir/file",
	"sub/dir/file", "sub/dir/deep/er/file", "cache/a.tmp", "cache/b.txt", "keep/a.tmp", "keep/b.txt", ".hidden", "a/.hidden/x",
	"public_html/cache/x", "public_html/wp-content/cache/y/z", "mail/new/1", "mail/cur/1:2,S", "we[ird", "back\\slash", "st*r", "q?mark",
	"a-b", "a]b", "Z", "z", "m", "5", "é", "with space/x", "tmp/x", "a/tmp/x", "+ plus", "- minus", "#hash", "!bang",
	"one/two/three/four", "one/three/four", "two/three/four", "one/x/three/four", "x-", "x]", "x^", "x!", "trail\\", "a*b/c",
}

// patternSets are lists of patterns.
var patternSets = [][]string{
	{"foo"}, {"/foo"}, {"foo/"}, {"/a/foo"}, {"a/foo"}, {"b/foo"}, {"a/*/foo"}, {"/*/foo"}, {"a/**/foo"}, {"/a/**foo"}, {"**/foo"},
	{"/**/foo"}, {"**foo"}, {"foo**"}, {"a/**"}, {"/a/**"}, {"**"}, {"*"}, {"/*"}, {"*/"}, {"/*/"}, {"***"}, {"a***"}, {"dir/***"},
	{"/dir/***"}, {"sub/dir/***"}, {"dir/**"}, {"dir/*"}, {"dir"}, {"dir/"}, {"*.tmp"}, {"*.o"}, {"*.t??"}, {".*"}, {"?"}, {"??"},
	{"[a-z]"}, {"[!a-z]"}, {"[^a-z]"}, {"[A-Z0-9]"}, {"[]z]"}, {"[z-a]"}, {"[[:alpha:]]"}, {"[[:digit:]m]"}, {"[[:nosuch:]]"},
	{"[[:alpha:]"}, {"a[]-]b"}, {"a[-]]b"}, {"a[-x]b"}, {"a[x-]b"}, {"x[]^!-]"}, {"x[!^]"}, {"x[\\]]"}, {"x[\\!-\\^]"}, {"we[ird"},
	{"we\\[ird"}, {"we[[]ird"}, {"back\\slash"}, {"back\\\\slash"}, {"back\\\\sl*"}, {"back\\sl*"}, {"st\\*r"}, {"st[*]r"}, {"st*r"},
	{"q\\?mark"}, {"trail\\"}, {"tr*\\"}, {"a/b"}, {"a/b/"}, {"/a/b/"}, {"one/*/four"}, {"one/**/four"}, {"one/**four"},
	{"three/four"}, {"*/three/*"}, {"/*/three/*"}, {"two/*"}, {"t*/t*/f*"}, {"o**r"}, {"o*r"}, {"*one*/**/*four"}, {"**/three/**"},
	{"a[/]foo"}, {"a?foo"}, {"a/[!x]/foo"}, {"with space"}, {"with*"}, {"é"}, {"[é]"}, {"\\é*"}, {"??*"}, {"a*b/c"}, {"a\\*b/c"},
	{"+ keep/a.tmp", "*.tmp"}, {"*.tmp", "+ keep/a.tmp"}, {"- *.tmp"}, {"+ */", "+ foo", "*"}, {"+ foo", "*"}, {"+ /a/", "+ /a/foo", "*"},
	{"foo", "!", "bar"}, {"-  minus"}, {"- - minus"}, {"+ + plus", "* plus"}, {"#hash"}, {"cache/"}, {"/public_html/cache"},
	{"public_html/**/cache/**"}, {"/tmp/*"}, {"tmp/*"}, {"/mail/*/*"}, {"+ /public_html/***", "*"}, {"/public_html/wp-content/cache/*/"},
	{"**/"}, {"a/**/"}, {"/**"}, {"//foo"}, {"a//foo"}, {"foo//"}, {"/"}, {"./foo"}, {"/a/../foo"}, {"+ **/", "+ **.tmp", "**"},
	{"a/***"}, {"a/b***"}, {"foo***"}, {"****"}, {"a/****/foo"}, {"-foo"}, {"+foo"}, {"-,foo"}, {"*-*"}, {"*[-b]*"}, {"[a-]"}, {"[--a]"},
}

// TestPatternsMeanWhatTheyMeanToRsync asks rsync.
//
//check:without needs rsync
func TestPatternsMeanWhatTheyMeanToRsync(t *testing.T) {
	root := plant(t, oraclePaths...)
	for _, patterns := range patternSets {
		tree, err := Open(root, Options{Exclude: patterns})
		want, refused := askRsync(t, root, patterns)
		if (err != nil) != (refused != "") {
			t.Errorf("%q: %v; rsync: %s", patterns, err, refused)
		}
		if err != nil {
			continue
		}
		got := map[string]bool{}
		for _, found := range walk(t, tree) {
			if found.Path != "" {
				got[found.Path] = true
			}
		}
		tree.Close()
		if !maps.Equal(got, want) {
			t.Errorf("%q\nonly here:     %q\nonly in rsync: %q", patterns, without(got, want), without(want, got))
		}
	}
}

func without(a, b map[string]bool) []string {
	return slices.Sorted(func(yield func(string) bool) {
		for path := range a {
			if !b[path] && !yield(path) {
				return
			}
		}
	})
}

func askRsync(t *testing.T, root string, patterns []string) (all map[string]bool, refused string) {
	t.Helper()
	args := []string{"-an8", "--out-format=%n"}
	for _, p := range patterns {
		args = append(args, "--exclude="+p)
	}
	out, err := exec.Command("rsync", append(args, root+"/", t.TempDir())...).CombinedOutput()
	if err != nil {
		return nil, string(out)
	}
	all = map[string]bool{}
	for line := range strings.Lines(string(out)) {
		path := strings.TrimRight(line, "/\n")
		if path != "." {
			all[strings.ReplaceAll(path, `\#134`, `\`)] = true
		}
	}
	return all, ""
}

func TestPatternsOfAFileAreLines(t *testing.T) {
	got := parsePatterns("# comment\r\n; too\n\n*.tmp\r\n /a \n#\n+ b")
	if want := []string{"*.tmp", " /a ", "+ b"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// excludes tells what a filter says about a path that a walk came to.
func excludes(f *filter, path string, directory bool) bool {
	p := f.root()
	elements := strings.Split(path, "/")
	for _, name := range elements[:len(elements)-1] {
		p = f.enter(p, name)
	}
	_, excluded := f.decide(p, path, elements[len(elements)-1], directory)
	return excluded
}

// TestHostilePatternsCostWhatHarmlessOnesDo counts what patterns do for each name: the words of their states, which
// depend on their length alone. Trying in turn all that stars may stand for would not end.
//
//check:without it takes seconds
func TestHostilePatternsCostWhatHarmlessOnesDo(t *testing.T) {
	deep := strings.Repeat(strings.Repeat("a", 100)+"/", 30) + strings.Repeat("a", 200)
	for _, pattern := range []string{"**" + strings.Repeat("a*", 2000) + "b", "a**" + strings.Repeat("?*", 1900) + "b",
		"*/" + strings.Repeat("[a-z]*", 600) + "b", strings.Repeat("*a", 2000) + "b", strings.Repeat("**a*", 1000) + "b", strings.Repeat("a/**/", 800) + "b"} {
		f, err := parseFilter(slices.Repeat([]string{pattern}, 60))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			if path := fmt.Sprint(deep, i); excludes(f, path, false) {
				t.Errorf("%.20q matches", pattern)
			}
		}
		if f.words > 60*(maxPattern/64+1) {
			t.Errorf("%.20q has states of %d words", pattern, f.words)
		}
	}
}

// byTrying matches as patterns are defined, in whatever time that takes.
func byTrying(g glob, text string) bool {
	if len(g) == 0 {
		return text == ""
	}
	switch {
	case g[0].kind == star || g[0].kind == stars:
		for i := 0; ; i++ {
			if byTrying(g[1:], text[i:]) {
				return true
			}
			if i == len(text) || g[0].kind == star && text[i] == '/' {
				return false
			}
		}
	case text == "":
		return false
	}
	return g[0].matchesByte(text[0]) && byTrying(g[1:], text[1:])
}

func FuzzPattern(f *testing.F) {
	for i, patterns := range patternSets {
		f.Add(patterns[0], oraclePaths[i%len(oraclePaths)])
	}
	f.Add("**a*b**", "a/ab/b")
	f.Add("*b/*c", "ab/bb/c")
	f.Add(strings.Repeat("?", 130)+"*", strings.Repeat("x", 131))
	f.Add(strings.Repeat("a/", 64)+"*", strings.Repeat("a/", 66))
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if r, err := parseRule(pattern); err == nil && path != "" {
			one := &filter{}
			one.add(r)
			excludes(one, path, true)
			excludes(one, path, false)
		}
		if len(pattern)*len(path) > 1<<14 || strings.Count(pattern, "*") > 4 {
			return
		}
		g := parseGlob(pattern)
		for _, floating := range []bool{false, true} {
			want := byTrying(g, path)
			for i := range len(path) {
				want = want || floating && path[i] == '/' && byTrying(g, path[i+1:])
			}
			a := newAutomaton(g, floating)
			state := make([]uint64, a.words)
			a.start(state)
			if got := a.matches(state, path, ""); got != want {
				t.Errorf("%q and %q: %v, want %v", pattern, path, got, want)
			}
			if a.read(state, path); a.matched(state) != want {
				t.Errorf("%q and %q read: %v", pattern, path, !want)
			}
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	f, err := parseFilter([]string{"/tmp/", "*.tmp", "/public_html/**/cache/**", "node_modules/", ".trash", "*~", "error_log"})
	if err != nil {
		b.Fatal(err)
	}
	path := fmt.Sprintf("public_html/wp-content/plugins/%s/includes/class-something.php", strings.Repeat("x", 20))
	at := f.root()
	directory, name := filepath.Split(path)
	for _, name := range strings.Split(strings.TrimSuffix(directory, "/"), "/") {
		at = f.enter(at, name)
	}
	for b.Loop() {
		f.decide(at, path, name, false)
	}
}
