// Package dump knows the text of SQL dumps that mysqldump, mariadb-dump and phpMyAdmin write: it cuts them into statements,
// tells what each one does, and rewrites them so that they can be run in another database. It must not know who runs them.
//
// A dump is hostile input: its text belongs to whoever owns the database, or the place where it was kept. So nothing is passed on
// that was not understood. Comments that servers execute are replaced by what the server at hand would execute of them, the
// commands of clients are refused, as are statements that dumps have no need of, and what is passed on is read by the server as
// one statement in the same way as here. Large INSERTs are cut between rows, so that memory is bounded by the longest row.
package dump

import (
	"errors"
	"fmt"
	"io"
)

// Kind is what a statement is about.
type Kind int

// The kinds of statements.
const (
	Other     Kind = iota // transactions and locks
	Setting               // SET
	Table                 // the definition of a table, index or sequence
	Rows                  // the rows of a table
	View                  // and what follows: CREATE or DROP
	Trigger               //
	Procedure             //
	Function              //
	Event                 //
)

// String is the kind's keyword.
func (k Kind) String() string {
	return [...]string{"OTHER", "SET", "TABLE", "ROWS", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"}[k]
}

// Program reports whether things of the kind have a definer, with whose rights they run.
func (k Kind) Program() bool { return k >= View }

// Statement is one statement to run.
type Statement struct {
	Kind    Kind
	Create  bool   // it makes something that Name names
	Name    string // of what it is about, without its database; of a trigger: its own
	Table   string // whose definition, rows or trigger it is; "" if it is about none
	Text    []byte // valid until Next is called again
	Line    int    // where it begins, from 1
	Definer string // USER@HOST as it stood there; Text has none
	Status  string // of an event: ENABLE, DISABLE, DISABLE ON SLAVE. In Text it is disabled
}

// Server is what runs the statements.
type Server struct {
	MariaDB    bool
	Version    int                         // 80036 for 8.0.36, 101119 for 10.11.19
	Collations func(collation string) bool // whether it is known; nil: all are
}

// Options of a Reader.
type Options struct {
	Server   Server
	Database string // that was dumped; USE and qualified names may have it
	// MaxStatement bounds a statement, and a row, in bytes. INSERTs are cut to pieces of about Piece bytes.
	MaxStatement int
	Piece        int
	Note         func(line int, text string) // hears what was left out or replaced; may be nil
}

// RefusedError says that a dump has something that is not passed on.
type RefusedError struct {
	Line int
	What string
}

// Error tells the line.
func (e *RefusedError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// ErrEndsEarly says that a dump ends within a statement.
var ErrEndsEarly = errors.New("the dump ends within a statement")

// Reader reads a dump.
type Reader struct {
	o     Options
	lex   lexer
	modes modes
	said  map[string]bool // notes that were made
}

const (
	defaultMax   = 64 << 20
	defaultPiece = 1 << 20
)

// NewReader reads the dump src, which is not compressed.
func NewReader(src io.Reader, o Options) *Reader {
	if o.MaxStatement <= 0 {
		o.MaxStatement = defaultMax
	}
	if o.Piece <= 0 {
		o.Piece = defaultPiece
	}
	r := &Reader{o: o, said: map[string]bool{}, modes: modes{saved: map[string]mode{}}}
	r.lex = lexer{in: newInput(src), server: o.Server, delimiter: ";", max: o.MaxStatement, piece: min(o.Piece, o.MaxStatement)}
	return r
}

// Next reads the next statement to run; io.EOF at the end. Statements that have no place in the other database, such as the one that
// makes the database, are passed over.
func (r *Reader) Next() (*Statement, error) {
	for {
		r.lex.mode = r.modes.now
		more, err := r.lex.statement()
		if err != nil {
			return nil, err
		}
		if !more {
			return nil, io.EOF
		}
		s, err := r.classify()
		if err != nil {
			return nil, err
		}
		if s != nil {
			return s, nil
		}
	}
}

// Offset is how many bytes of the dump were read and passed on.
func (r *Reader) Offset() int64 { return r.lex.in.offset() }

// note tells once what was left out or replaced.
func (r *Reader) note(line int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if r.o.Note == nil || r.said[text] || len(r.said) >= maxNotes {
		return
	}
	r.said[text] = true
	r.o.Note(line, text)
}

// maxNotes bounds how many different notes one dump can make.
const maxNotes = 200
