package audit

import "context"

// Way is how somebody came who asks for something.
type Way struct {
	From string // address, or the socket that he came by
	Link string // id of the link that let him in
}

type wayKey struct{}

// WithWay is a context of a request that came by w.
func WithWay(ctx context.Context, w Way) context.Context { return context.WithValue(ctx, wayKey{}, w) }

// WayOf is how a request came whose context it is.
func WayOf(ctx context.Context) Way {
	w, _ := ctx.Value(wayKey{}).(Way)
	return w
}
