// Command metadb is the server and the command line around it: flags,
// configuration, wiring and exit codes. What the program does lives in the other
// rooms.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"metadb/parser"
)

// version is set by the linker.
var version = "(development)"

func main() {
	root := newRoot()
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "metadb: error: "+err.Error())
		if hint := hintFor(root, os.Args[1:]); hint != "" && term.IsTerminal(int(os.Stderr.Fd())) {
			fmt.Fprintln(os.Stderr, hint)
		}
		os.Exit(exitCode(err))
	}
}

// hintFor names the command that was meant by an unknown one. It is for people:
// the error itself is one line, as in Metadb 1.4.
func hintFor(root *cobra.Command, args []string) string {
	if len(args) == 0 {
		return ""
	}
	var names []string
	for _, c := range root.Commands() {
		if c.Name() == args[0] {
			return ""
		}
		names = append(names, c.Name())
	}
	if near := parser.Nearest(args[0], names); near != "" {
		return "metadb: did you mean \"" + near + "\"?"
	}
	return ""
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "metadb",
		Short:         "Metadb keeps every version of every row of your databases in PostgreSQL",
		SilenceUsage:  true,
		SilenceErrors: true,
		// The error of an unknown command is one line; see hintFor.
		DisableSuggestions: true,
	}
	root.AddCommand(newInit(), newStart(), newStatus(), newStop(), newSync(), newEndsync(), newVersion())
	return root
}

// addDirFlag adds the flag that every command with a data directory has.
func addDirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVarP(dir, "dir", "D", "", "data directory")
}
