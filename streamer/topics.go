package streamer

import (
	"fmt"
	"regexp"
	"strings"
)

// topicPatterns turns the option topics into regular expressions: an entry that
// begins with ^ is one, unanchored at its end; any other is a topic's name.
func topicPatterns(topics string) ([]string, error) {
	var patterns []string
	for entry := range strings.SplitSeq(topics, ",") {
		entry = strings.TrimSpace(entry)
		switch {
		case entry == "":
			continue
		case !strings.HasPrefix(entry, "^"):
			entry = "^" + regexp.QuoteMeta(entry) + "$"
		}
		if _, err := regexp.Compile(entry); err != nil {
			return nil, fmt.Errorf("option topics: %w", err)
		}
		patterns = append(patterns, entry)
	}
	if len(patterns) == 0 {
		return nil, fmt.Errorf("option topics names no topic")
	}
	return patterns, nil
}
