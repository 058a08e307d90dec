package pgwire

// prepared is a prepared statement of which we know something.
type prepared struct {
	own  *Rewriting // set if the statement was rewritten
	calm bool       // running it changes no setting
	// block is what it does with a part of a transaction.
	block Block
}

// names are the prepared statements and portals of which we know something. A
// name is set again with each Parse and Bind, but may be stale where a client
// gives a name of the protocol anew by SQL (DEALLOCATE, then PREPARE). Then an
// answer is still edited only if it looks like one to a rewritten statement.
type names struct {
	statements map[string]prepared
	portals    map[string]prepared
	// sealing says that parameters of some are secrets.
	sealing bool
}

// any says that Bind, Describe, Execute and Close must be looked at.
func (n *names) any() bool { return len(n.statements)+len(n.portals) > 0 }

// set keeps what is known of a name, or forgets it.
func set(m *map[string]prepared, name string, p prepared) {
	if p == (prepared{}) {
		delete(*m, name)
		return
	}
	if *m == nil {
		*m = map[string]prepared{}
	}
	(*m)[name] = p
}

// forget drops the names of statements that a cycle was to make but did not, as
// the backend still has what had the name before. A name that a later cycle gives
// anew, sent already, is known by that.
func (n *names) forget(c *cycle, answered int, later []cycle) {
	if !c.failed {
		return
	}
	for _, one := range c.notes {
		if one.parse && one.at >= answered && !gives(later, one.name) {
			delete(n.statements, one.name)
		}
	}
}

// gives says whether one of the cycles makes a statement of that name.
func gives(cycles []cycle, name string) bool {
	for i := range cycles {
		for _, n := range cycles[i].notes {
			if n.parse && n.name == name {
				return true
			}
		}
	}
	return false
}
