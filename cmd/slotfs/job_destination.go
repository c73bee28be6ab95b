package main

import (
	"fmt"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
)

// unused refuses a destination that jobs write to.
func (s *settings) unused(d *config.Destination) error {
	conf, err := s.Config()
	if err != nil {
		return err
	}
	jobs := conf.UsedBy(d.Name)
	if len(jobs) == 0 {
		return nil
	}
	err = fmt.Errorf("destination %s: job %s writes to it", d.Name, strings.Join(jobs, ", "))
	return exit.With(err, exit.Usage, "remove that first: slotfs job remove "+jobs[0])
}
