package localpg

import (
	"os"
	"strconv"
	"strings"
)

// runs says whether a process is there and not merely waiting to be collected.
func runs(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(text), ") Z ")
}
