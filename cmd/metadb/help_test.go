package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHelp prints the usage, with every command, where there is none or help is asked for.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"help"}, {"--help"}} {
		out, err := run(t, args...)
		if err != nil || !strings.Contains(out, "Usage:") {
			t.Errorf("%v: %v: %s", args, err, out)
		}
		for _, c := range []string{"init", "start", "status", "stop", "sync", "endsync", "version", "completion", "help"} {
			if !strings.Contains(out, "\n  "+c+" ") {
				t.Errorf("%v: no %s in\n%s", args, c, out)
			}
		}
	}
	if out, err := run(t, "help", "start"); err != nil || !strings.Contains(out, "--memlimit") {
		t.Errorf("help start: %v: %s", err, out)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for shell, want := range map[string]string{"bash": "__start_metadb", "zsh": "#compdef metadb", "fish": "complete -c metadb", "powershell": "Register-ArgumentCompleter"} {
		if out, err := run(t, "completion", shell); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %.200s", shell, err, out)
		}
	}
	if out, err := run(t, "__complete", "sta"); err != nil || !strings.Contains(out, "start\t") || !strings.Contains(out, "status\t") {
		t.Errorf("completing sta: %v: %s", err, out)
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"strat": `metadb: did you mean "start"?`, "verison": `metadb: did you mean "version"?`, "start": "", "zzz": ""} {
		if got := hintFor(newRoot(), []string{word}); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
	if _, err := run(t, "strat"); err == nil || err.Error() != `unknown command "strat" for "metadb"` {
		t.Errorf("%v", err)
	}
}

// TestFlagsAreDocumented looks for every command and flag in the manual.
func TestFlagsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "command-line.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range newRoot().Commands() {
		if !strings.Contains(string(text), "metadb "+c.Name()) {
			t.Errorf("docs/command-line.md does not have metadb %s", c.Name())
		}
		for flag := range strings.FieldsSeq(c.Flags().FlagUsages()) {
			if name, ok := strings.CutPrefix(flag, "--"); ok && !strings.Contains(string(text), "`--"+strings.Trim(name, ",.")) && !strings.Contains(string(text), "--"+name+" ") {
				t.Errorf("docs/command-line.md does not have --%s of %s", name, c.Name())
			}
		}
	}
}
