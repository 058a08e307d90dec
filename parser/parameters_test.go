package parser

import (
	"os"
	"strings"
	"testing"
)

// TestPageListsParameters wants every parameter on the statement's page.
func TestPageListsParameters(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/statements/alter_system.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parameters {
		if !strings.Contains(string(page), "`"+p+"`") {
			t.Errorf("parameter %s is not on the page", p)
		}
	}
}
