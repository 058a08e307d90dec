package compare

import "strings"

// Schemas is how a data source's options turn a schema of the source into one
// of the warehouse.
type Schemas struct {
	TrimPrefix string
	AddPrefix  string
	MapPublic  string
	Origins    []string
}

// Target returns the warehouse's schema and the origin.
func (s Schemas) Target(source string) (schema, origin string) {
	if source == "public" && s.MapPublic != "" {
		return s.MapPublic, ""
	}
	name := strings.TrimPrefix(source, s.TrimPrefix)
	name = strings.TrimPrefix(name, "mod_")
	name = strings.TrimSuffix(name, "_storage")
	name = strings.Replace(name, "_mod_", "_", 1)
	for _, o := range s.Origins {
		if rest, found := strings.CutPrefix(name, o+"_"); found {
			name, origin = rest, o
			break
		}
	}
	return s.AddPrefix + name, origin
}
