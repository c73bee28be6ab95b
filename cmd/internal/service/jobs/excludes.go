package jobs

import (
	"strings"

	"slotfs/cmd/internal/config"
)

// excludes are the patterns of a job as they count from the root of the backup: people write them as they count from
// the source. What was staged is never left out.
func excludes(j *config.Job) []string {
	switch {
	case j.Prefix != "":
		return belowPrefix(j.Prefix, j.Exclude)
	case len(j.Exclude) == 0 && j.ExcludeFile == "":
		return nil
	}
	return append([]string{"+ /" + stagedAs + "/***"}, j.Exclude...)
}

// belowPrefix moves patterns to where the source stands in the backup. One that is not anchored matches in the directory
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
