package parser

import "strings"

// nearest is the word that differs least from the given one, or empty if none
// is near enough to be what was meant.
func nearest(given string, valid []string) string {
	given = strings.ToLower(given)
	best, least := "", len(given)/3+1
	for _, v := range valid {
		folded := strings.ToLower(v)
		if strings.HasPrefix(folded, given) && len(given) >= 3 {
			return v
		}
		if d := distance(given, folded); d <= least && d < len(v) {
			best, least = v, d-1
		}
	}
	return best
}

// Nearest is the word that was probably meant by the given one, or empty if none is
// near enough.
func Nearest(given string, valid []string) string { return nearest(given, valid) }

// didYouMean is the hint that names the nearest valid word, or empty.
func didYouMean(given string, valid []string) string {
	best := nearest(given, valid)
	if best == "" {
		return ""
	}
	return `Did you mean "` + best + `"?`
}

// distance is how many letters must be put in, taken out, replaced or swapped
// with their neighbour to make one word of the other.
func distance(a, b string) int {
	if len(a) > 2*maxName {
		return len(a) // no word of ours; keeps the cost small
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
