// Package send delivers one message to people: by a service that shoutrrr knows, by the machine's own sendmail, by a command, or as
// the start or end of a run to a watching service. It must not know what the message is about or when it is due; it tries
// once, within a bound, and no error that it returns holds a secret.
package send

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
)

// Message is what people read.
type Message struct {
	Subject string // one line
	Text    string // lines; understood without the subject
}

// Sender delivers messages.
type Sender interface {
	// Send tries once, and returns when ctx ends at the latest.
	Send(ctx context.Context, m Message) error
}

// Timeout bounds one delivery.
const Timeout = 30 * time.Second

// ErrTimeout says that the other side took too long.
var ErrTimeout = errors.New("no answer in time")

// New makes the sender of a notifier. url is the one that stands in its url-file, if it has one.
func New(n *config.Notify, url string) (Sender, error) {
	switch {
	case n.Sendmail != "":
		return &mail{to: n.Sendmail, find: findSendmail}, nil
	case n.Command != "":
		return &command{text: n.Command}, nil
	case n.URL != "":
		return newService(n.URL)
	}
	return newService(url)
}

// Way says how a notifier delivers, without a secret: "ntfy", "sendmail", "command".
func Way(n *config.Notify) string {
	switch {
	case n.Sendmail != "":
		return "sendmail " + n.Sendmail
	case n.Command != "":
		return "command"
	case n.URL != "":
		return scheme(n.URL)
	}
	return "url of " + n.URLFile
}

// bounded runs try, which cannot be interrupted, and leaves it behind when ctx ends.
func bounded(ctx context.Context, try func() error) error {
	done := make(chan error, 1)
	go func() { done <- try() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ended(ctx)
	}
}

// ended is the error of a delivery whose context has ended.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return exit.Hinted(ErrTimeout, "look whether the other side is there, and whether a firewall is between")
	}
	return ctx.Err()
}

// hinted adds the cure of a wrong answer.
func hinted(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || exit.Hint(err) != "" {
		return err
	}
	return exit.Hinted(err, cure(err.Error()))
}

// What an error says where nothing is wrong with the configuration. The library tells of answers and connections in texts alone.
var (
	inTrouble   = regexp.MustCompile(`(?i)status\D{0,20}(429|50\d)\b|internal server error|bad gateway|service unavailable|gateway timeout|too many requests`)
	unreachable = regexp.MustCompile(`(?i)timed out|timeout|connection refused|connection reset|no such host|unreachable|no route`)
)

// cure is what helps after an error with a text.
func cure(text string) string {
	const try = "slotfs notify test NAME"
	switch {
	case unreachable.MatchString(text):
		return "look whether the service is there, and whether this machine may reach it (name servers, firewall), then: " + try
	case inTrouble.MatchString(text):
		return "the service is in trouble or asks to wait: alarms are delivered again and again until it takes them; look at it, then: " + try
	}
	return "correct its table in the configuration, then try it: " + try
}

// oneLine cuts a text that comes from elsewhere to what an error can hold.
func oneLine(text string) string {
	const most = 300
	out := make([]rune, 0, most)
	for _, r := range text {
		if len(out) == most {
			return string(out) + "..."
		}
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}

// errText is an error whose text is known to hold no secret.
func errText(text string) error { return fmt.Errorf("%s", oneLine(text)) }
