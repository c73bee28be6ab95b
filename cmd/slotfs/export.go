package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/service/exports"
	"slotfs/cmd/internal/service/restores"
	"slotfs/cmd/internal/term"
	"slotfs/fs/export"
)

func exportCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write files and directories of snapshots as one archive, with or without a mount",
		ArgsUsage: "PATH...",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`; - is standard output"},
			&cli.StringFlag{Name: "format", Usage: "`FORMAT` of the archive: " + strings.Join(exports.Formats(), ", "), DefaultText: "as the name of the output ends, else tar.gz"},
			&cli.BoolFlag{Name: "overwrite", Usage: "replace the output if it is there"},
			&cli.BoolFlag{Name: "numeric-owner", Usage: "keep the numbers of owners, whoever has them here"},
			&cli.BoolFlag{Name: "quiet", Usage: "no progress and no summary, only what is wrong"},
			literalFlag(),
		},
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			e := &exporting{settings: g, output: c.String("output"), overwrite: c.Bool("overwrite"), quiet: c.Bool("quiet"),
				request: exports.Request{Format: c.String("format"), NumericOwner: c.Bool("numeric-owner")}}
			switch {
			case c.Args().Len() == 0:
				return exit.With(errors.New("PATH is missing"), exit.Usage, seeHelp("export"))
			case e.output == "":
				return exit.With(errors.New("--output is missing"), exit.Usage, "-o FILE, or -o - for standard output")
			case e.output == "-" && term.IsTerminal(g.out):
				return exit.With(errors.New("standard output is a terminal"), exit.Usage, "-o FILE, or a pipe behind the command")
			}
			if e.request.Format == "" {
				e.request.Format = formatOf(e.output)
			}
			return e.run(c.Context, c.Args().Slice(), c.Bool("literal"))
		},
	}
}

// formatOf is the format that the name of a file tells.
func formatOf(file string) string {
	name := filepath.Base(file)
	if strings.HasPrefix(name, "cpmove-") && strings.HasSuffix(name, ".tar.gz") {
		return exports.CPMove
	}
	i := slices.IndexFunc(exports.Formats(), func(f string) bool { return strings.HasSuffix(name, "."+f) })
	switch {
	case i >= 0:
		return exports.Formats()[i]
	case strings.HasSuffix(name, ".tgz"):
		return string(export.TarGzip)
	}
	return ""
}

// exporting is one export.
type exporting struct {
	*settings
	request   exports.Request
	output    string
	overwrite bool
	quiet     bool
	leftOut   int
}

// exportJSON is what is printed with --json.
type exportJSON struct {
	export.Summary
	File  string              `json:"file"`
	Proof []restores.Unproven `json:"not_complete,omitempty"`
}

func (e *exporting) run(ctx context.Context, args []string, literal bool) error {
	e.request.Paths = args
	if err := e.request.Check(); err != nil {
		return err
	}
	b, err := e.Browse(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if e.request.Paths, err = e.sourcePaths(ctx, b, args, literal); err != nil {
		return err
	}
	found, err := exports.Find(ctx, b.Tree(), e.request)
	if err != nil {
		return err
	}
	for i := range found.Proof {
		e.warnOfStatus(&found.Proof[i])
	}
	done, err := e.write(ctx, found)
	if err == nil || done.Bytes > 0 {
		e.record(found, done, err)
	}
	if err != nil {
		return err
	}
	if err := e.tell(found, done); err != nil {
		return err
	}
	if len(found.Proof) > 0 {
		return &reported{exit.Partial}
	}
	return nil
}

// write writes the archive. A file gets its name when it is whole.
func (e *exporting) write(ctx context.Context, found *exports.Export) (export.Summary, error) {
	show := e.transfer(e.quiet || e.output == "-")
	show.Begin("export")
	defer show.End()
	if e.output == "-" {
		s, err := e.writeTo(ctx, found, struct{ io.Writer }{e.out}, show)
		var at *fs.PathError
		if errors.As(err, &at) && at.Path == e.out.Name() {
			err = fmt.Errorf("standard output: %w", at.Err)
		}
		return s, err
	}
	f, err := exports.Create(e.output, e.overwrite)
	if err != nil {
		return export.Summary{}, err
	}
	s, err := e.writeTo(ctx, found, f.File, show)
	if err != nil {
		f.Close()
		var at *fs.PathError
		if errors.As(err, &at) && at.Path == e.output {
			err = fmt.Errorf("export to %s: %w", e.output, at.Err)
		}
		return s, err
	}
	return s, f.Commit()
}

// writeBuffer gathers what is written piece by piece.
const writeBuffer = 256 << 10

func (e *exporting) writeTo(ctx context.Context, found *exports.Export, w io.Writer, show *progress.Transfer) (export.Summary, error) {
	out := bufio.NewWriterSize(w, writeBuffer)
	o := exports.Observer{LeftOut: func(path string) { show.Above(func() { e.tellLeftOut(path) }) }}
	if !e.quiet {
		o.Progress = show
	}
	s, err := found.Write(ctx, out, o)
	if err == nil {
		err = out.Flush()
	}
	return s, err
}

// tellLeftOut tells people of the first ones that an archive has no place for.
func (e *exporting) tellLeftOut(path string) {
	e.leftOut++
	if e.leftOut <= saidFailures {
		e.warning("%s is a socket or a pipe, and left out", term.Escape(path))
	}
}

// record adds the export to the audit record.
func (e *exporting) record(found *exports.Export, done export.Summary, err error) {
	to := e.output
	if p, absErr := filepath.Abs(to); absErr == nil && to != "-" {
		to = p
	}
	r := audit.Record{Who: login.Root.String(), From: "command line", Action: audit.Download, Paths: found.Paths, Bytes: done.Bytes, Detail: "export to " + to}
	if os.Geteuid() != 0 {
		r.Who = fmt.Sprintf("user %d", os.Geteuid())
	}
	if err != nil {
		r.Error = err.Error()
	}
	e.Record(r)
}

// tell tells people what was done.
func (e *exporting) tell(found *exports.Export, s export.Summary) error {
	switch {
	case e.output == "-":
		return nil
	case e.json:
		return e.printJSON(exportJSON{s, e.output, found.Proof})
	case e.quiet:
		return nil
	}
	_, err := fmt.Fprintf(e.out, "exported %s (%s) to %s\n", term.Count(s.Files, "file", "files"), term.Bytes(s.Bytes), term.Escape(e.output))
	return err
}
