package jobs

import (
	"fmt"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/indexer/engine/engines"
)

// Add checks a job and writes it into the configuration at path, whose present content is before.
func Add(path string, before *config.Config, j *config.Job) error {
	if before.Jobs[j.Name] != nil {
		return exit.With(fmt.Errorf("job %s: exists already", j.Name), exit.Usage, "remove it first: slotfs job remove "+j.Name)
	}
	if err := before.CheckJob(j); err != nil {
		return exit.With(fmt.Errorf("job %s: %w", j.Name, err), exit.Usage, "")
	}
	return config.Update(path, func(data []byte) ([]byte, error) {
		return config.AddJob(path, data, j, engines.Names())
	})
}

// Remove takes a job out of the configuration at path. What it wrote stays.
func Remove(path, name string) error {
	return config.Update(path, func(data []byte) ([]byte, error) {
		return config.RemoveJob(path, data, name, engines.Names())
	})
}

// Unknown says that the configuration has no job of that name, and which ones it has.
func Unknown(c *config.Config, name string) error {
	hint := "add it with `slotfs job add`"
	if names := c.JobNames(); len(names) > 0 {
		hint = "there is " + strings.Join(names, ", ")
	}
	return exit.With(fmt.Errorf("job %s: not in %s", name, c.Path), exit.Usage, hint)
}
