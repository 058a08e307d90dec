package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// tick is the unit in which Linux tells of processor time.
const tick = 10 * time.Millisecond

// cpuTime is the user's and the system's time of a process until now; 0 where the
// kernel does not tell.
func cpuTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // behind the name
	var sum time.Duration
	for _, i := range []int{11, 12} { // utime, stime
		n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		sum += time.Duration(n) * tick
	}
	return sum
}

// reportCPU prints the medians of what the programs between have used.
func reportCPU(out io.Writer, m measurement, targets []target, used [][]float64) {
	fmt.Fprintf(out, "%-22s", "  processor time")
	for i, t := range targets {
		if t.pid != 0 {
			fmt.Fprintf(out, "  %s %.2f s/GB", t.name, median(used[i])/m.gigabytes)
		}
	}
	fmt.Fprintln(out)
}
