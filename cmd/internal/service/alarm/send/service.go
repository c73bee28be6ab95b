package send

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"slotfs/cmd/internal/exit"
)

// service is one that shoutrrr knows.
type service struct {
	router *router.ServiceRouter
	scheme string
	hidden []string
}

var _ Sender = (*service)(nil)

// untitled are the services of shoutrrr that refuse a title or have no place for one.
var untitled = []string{"signal", "wecom", "pagerduty", "googlechat", "hangouts", "rocketchat", "zulip", "notifiarr"}

// errNoService says that a URL is none of shoutrrr's.
var errNoService = errors.New("unknown service")

func newService(text string) (Sender, error) {
	if err := Check(text); err != nil || text == "" {
		return nil, cmp.Or(err, unknownService(""))
	}
	s := &service{scheme: scheme(text), hidden: secrets(text)}
	var err error
	if s.router, err = shoutrrr.CreateSender(text); err != nil {
		return nil, exit.With(fmt.Errorf("url of %s: %w", s.scheme, s.safe(err)), exit.Usage,
			"see https://shoutrrr.nickfedor.com for the URLs of services")
	}
	return s, nil
}

// Check reports whether a URL can be one of a service; "" is for another way. It tries nothing: some services are asked already when
// a sender is made.
func Check(url string) error {
	name := scheme(url)
	if url == "" || slices.Contains((&router.ServiceRouter{}).ListServices(), name) && name != "logger" {
		return nil
	}
	return unknownService(name)
}

// unknownService is the error of a URL that is none of shoutrrr's.
func unknownService(name string) error {
	err := fmt.Errorf("url: %w", errNoService)
	if name != "" {
		err = fmt.Errorf("url: %w %q", errNoService, name)
	}
	return exit.With(err, exit.Usage, "want one as shoutrrr has them: ntfy://, smtp://, slack://, discord://, telegram://, teams://, generic+https://, ...")
}

// Send implements Sender.
func (s *service) Send(ctx context.Context, m Message) error {
	params := types.Params{}
	text := m.Text
	if slices.Contains(untitled, s.scheme) {
		text = m.Subject + "\n\n" + text
	} else {
		params["title"] = m.Subject
	}
	err := bounded(ctx, func() error { return errors.Join(s.router.Send(text, &params)...) })
	if err == nil || ctx.Err() != nil {
		return err
	}
	return hinted(fmt.Errorf("%s: %w", s.scheme, s.safe(err)))
}

// safe is what may be told of an error: the library's texts repeat URLs, and with them passwords and tokens.
func (s *service) safe(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return errText(redact(u.Err.Error(), s.hidden))
	}
	return errText(redact(strings.ReplaceAll(err.Error(), "\n", "; "), s.hidden))
}

// scheme is the service of a URL: "generic" of generic+https://.
func scheme(text string) string {
	name, _, ok := strings.Cut(text, ":")
	name, _, _ = strings.Cut(name, "+")
	if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		return ""
	}
	return name
}
