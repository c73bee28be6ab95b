package acceptance

import (
	"fmt"
	"testing"
)

// looks are the windows in which the page must be usable.
var looks = []struct {
	width, height int64
	scheme        string
}{{1440, 900, "light"}, {1440, 900, "dark"}, {1024, 768, "light"}, {1024, 768, "dark"}, {390, 844, "light"}, {390, 844, "dark"}}

// Each view, in each window: WCAG 2.2 AA as far as a program can tell, nothing wider than the window, and no script of its own that
// the page's policy refuses.
func TestViewsOfThePageAreAccessibleInEachWindow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newTab(t, newBrowser(t), s.base)
	b.do(navigate(s.login("--admin")))
	b.settled()
	views := []struct{ name, view string }{
		{"accounts", "accounts"},
		{"account", "account/offsite/alice?origin=srv1"},
		{"snapshot", "files/" + s.alice(1, "")},
		{"files", "files/" + s.alice(1, "files/odd")},
		{"many", "files/" + s.alice(1, "files/public_html/many")},
		{"compare", "compare?old=" + s.alice(2, "") + "&new=" + s.alice(1, "")},
		{"jobs", "jobs"}, {"destinations", "destinations"}, {"log", "log"},
	}
	for _, v := range views {
		b.open(v.view)
		for _, look := range looks {
			b.size(look.width, look.height, look.scheme)
			name := fmt.Sprintf("%s-%d-%s", v.name, look.width, look.scheme)
			b.accessible(name)
			b.shot(name)
		}
	}
}
