//go:build failpoint

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// failpoint reads METADB_FAILPOINT, "point:n:file": at the n-th time that the
// program reaches the point, it notes so in the file and is killed.
func failpoint() func(string) {
	spec := strings.SplitN(os.Getenv("METADB_FAILPOINT"), ":", 3)
	if len(spec) != 3 {
		return nil
	}
	n, err := strconv.ParseInt(spec[1], 10, 64)
	if err != nil {
		panic(fmt.Sprintf("METADB_FAILPOINT: %v", err))
	}
	var reached atomic.Int64
	return func(point string) {
		if point != spec[0] || reached.Add(1) != n {
			return
		}
		if err := os.WriteFile(spec[2], []byte(point+"\n"), 0o600); err != nil {
			panic(fmt.Sprintf("METADB_FAILPOINT: %v", err))
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
