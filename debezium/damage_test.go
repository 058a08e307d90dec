package debezium

import "testing"

func TestRepairName(t *testing.T) {
	t.Parallel()
	for damaged, want := range map[string]string{
		"plain":          "plain",
		"Rￃﾩgion":        "Région",
		"Unit Price ￢ﾂﾬ": "Unit Price €",
		"ￃﾖl ￂﾵ":         "Öl µ",
		"Région":         "Région",
		"ﾃﾞｰﾀ":           "ﾃﾞｰﾀ", // half-width katakana is no UTF-8
		"x\uffc3":        "x\uffc3",
		"":               "",
	} {
		if got := RepairName(damaged); got != want {
			t.Errorf("%q: %q, want %q", damaged, got, want)
		}
	}
}
