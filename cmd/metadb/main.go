// Command metadb is the server and the command line around it: flags,
// configuration, wiring and exit codes. What the program does lives in the other
// rooms.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "(development)"

func main() {
	root := newRoot()
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "metadb: error: "+err.Error())
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "metadb",
		Short:         "Metadb keeps every version of every row of your databases in PostgreSQL",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newInit(), newStart(), newStop(), newVersion())
	return root
}

// addDirFlag adds the flag that every command with a data directory has.
func addDirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVarP(dir, "dir", "D", "", "data directory")
}
