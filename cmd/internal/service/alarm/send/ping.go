package send

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"slotfs/cmd/internal/exit"
)

// Signal is what a watching service is told about a run.
type Signal string

// The signals, as healthchecks.io has them.
const (
	Start   Signal = "/start"
	Success Signal = ""
	Fail    Signal = "/fail"
)

const (
	pingTimeout = 10 * time.Second
	pingTries   = 3
	// mostPing is how much of a ping's text services keep.
	mostPing = 10_000
)

// Ping tells the service at address about a run. text says more for people. The error holds no secret.
func Ping(ctx context.Context, address string, signal Signal, text string) error {
	target, err := pingURL(address, signal)
	if err != nil {
		return err
	}
	if len(text) > mostPing {
		text = text[:mostPing]
	}
	for try := 1; ; try++ {
		err = post(ctx, target, text)
		if err == nil || try == pingTries || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * time.Second):
		}
	}
	if err != nil {
		return exit.Hinted(fmt.Errorf("ping %s: %w", Site(address), err), "check the job's ping, and whether the service is there")
	}
	return nil
}

// pingURL is where a signal goes: before the query, if there is one.
func pingURL(address string, signal Signal) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("ping: no URL")
	}
	return u.JoinPath(string(signal)).String(), nil
}

func post(ctx context.Context, target, text string) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(text))
	if err != nil {
		return errors.New("no URL")
	}
	res, err := http.DefaultClient.Do(r)
	var u *url.Error
	switch {
	case ctx.Err() != nil:
		return ErrTimeout
	case errors.As(err, &u):
		return errText(redact(u.Err.Error(), secrets(target)))
	case err != nil:
		return errText(redact(err.Error(), secrets(target)))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, mostPing)) // so that the connection can be used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the service answered %s", oneLine(res.Status))
	}
	return nil
}
