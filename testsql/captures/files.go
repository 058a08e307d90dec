package captures

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed all:shop all:shop_resync all:variants all:hard known_differences.csv
var files embed.FS

// suffix ends the name of a recording's file.
const suffix = ".jsonl.gz"

// Files gives all files, the truth and the lists of exceptions among them.
func Files() fs.FS { return files }

// Names lists the recordings that consist of one file.
func Names() []string {
	var names []string
	// An embedded tree can be walked without errors.
	_ = fs.WalkDir(files, ".", func(file string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(file, suffix) {
			dir, base := path.Split(strings.TrimSuffix(file, suffix))
			if path.Base(dir) == base {
				base, dir = "", path.Clean(dir) // shop/shop is called shop
			}
			names = append(names, path.Join(dir, base))
		}
		return err
	})
	slices.Sort(names)
	return names
}

// parts lists the files of a recording: one, or all the stages of a directory.
func parts(name string) ([]string, error) {
	for _, file := range []string{name + suffix, path.Join(name, path.Base(name)) + suffix} {
		if _, err := fs.Stat(files, file); err == nil {
			return []string{file}, nil
		}
	}
	stages, err := fs.Glob(files, path.Join(name, "stage*"+suffix))
	if err == nil && len(stages) == 0 {
		err = errors.New("no such recording")
	}
	if err != nil {
		return nil, fmt.Errorf("recording %q: %w", name, err)
	}
	return stages, nil
}
