package main

import (
	"context"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"metadb/catalog"
	"metadb/catalog/secret"
	"metadb/parser"
	"metadb/pgwire"
)

// bindingTime bounds a look at PostgreSQL's certificate at the start.
const bindingTime = 5 * time.Second

// sqlPort is where clients connect: their connections are relayed to the
// warehouse, and Metadb's statements in them rewritten by parser.
type sqlPort struct {
	server    *pgwire.Server
	listeners []net.Listener
	activity  *activityStore
}

// openSQLPort listens. Clients are let in by serve.
func openSQLPort(ctx context.Context, c conf, port int, cat *catalog.Catalog, sealer *secret.Sealer, log *slog.Logger) (*sqlPort, error) {
	backend, err := newBackend(c)
	if err != nil {
		return nil, err
	}
	activity := newActivityStore(cat, log)
	config := pgwire.Config{
		Dial:                   backend.dial,
		Database:               c.Database,
		Rewrite:                rewriter(parser.Rewriter{Seal: sealer.Seal}),
		Calm:                   parser.Calm,
		Block:                  blockOf,
		AllowPasswordlessLocal: c.AllowPasswordlessLocal,
		AllowPlaintextRemote:   c.AllowPlaintextRemote,
		Networks:               c.AllowedNetworks,
		MaxSessions:            c.MaxClients,
		Observe:                activity.observe,
		Logger:                 log,
	}
	if c.TLSCertificate != "" {
		cert, err := loadCertificate(c.TLSCertificate, c.TLSKey, log)
		if err != nil {
			return nil, err
		}
		config.Certificate = cert.current
		warnOfBinding(ctx, backend, cert, log)
	}
	p := &sqlPort{server: pgwire.New(config), activity: activity}
	if p.listeners, err = c.listenAll(ctx, port); err != nil {
		return nil, err
	}
	for _, l := range p.listeners {
		log.Debug("listening on " + l.Addr().Network() + " address " + l.Addr().String())
	}
	return p, nil
}

// serve lets clients in until ctx ends.
func (p *sqlPort) serve(ctx context.Context) error {
	// What the last clients did is stored when they are gone.
	storing, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.activity.run(storing)
	}()
	defer func() { stop(); <-done }()
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range p.listeners {
		group.Go(func() error { return p.server.Serve(ctx, l) })
	}
	return group.Wait()
}

// warnOfBinding says so at the start if clients that bind SCRAM to the channel,
// as most do, cannot sign in.
func warnOfBinding(ctx context.Context, to *backend, cert *certificate, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, bindingTime)
	defer cancel()
	conn, err := to.dial(ctx)
	if err != nil {
		return // the server's own connections have told why
	}
	defer func() { _ = conn.Close() }()
	own, err := cert.current()
	if shown := shownCertificates(conn); err == nil && shown != nil && !pgwire.SameCertificate(own, shown) {
		log.Warn("PostgreSQL shows another certificate than tls_certificate: clients with TLS and channel binding, which most have, cannot sign in; " +
			"give both the same certificate and key, or connect to PostgreSQL over loopback or its socket with sslmode = disable")
	}
}

// rewriter puts parser's answers into pgwire's words; the two rooms do not know
// each other.
func rewriter(by parser.Rewriter) pgwire.Rewriter {
	return func(text string, s pgwire.Settings) *pgwire.Rewriting {
		return rewriting(by.Rewrite(text, parser.Settings(s)), by.Seal)
	}
}

func rewriting(r *parser.Rewritten, seal func(string) string) *pgwire.Rewriting {
	if r == nil {
		return nil
	}
	if r.Doubt != "" {
		return &pgwire.Rewriting{Text: r.Text, Doubt: r.Doubt}
	}
	if r.Err != nil {
		return &pgwire.Rewriting{Text: r.Text, Malformed: &pgwire.Malformed{
			Statement: pgwire.Statement(r.Failed), Code: r.Err.Code, Message: r.Err.Message, Hint: r.Err.Hint, Position: r.Err.Position, First: r.First,
		}}
	}
	out := &pgwire.Rewriting{Text: r.Text, Position: r.Position, Sealed: r.Sealed, Seal: seal}
	for _, st := range r.Statements {
		out.Statements = append(out.Statements, pgwire.Statement(st))
	}
	for _, b := range r.Blocks {
		out.Blocks = append(out.Blocks, pgwire.IndexedBlock{Index: b.Index, Block: block(b.Block)})
	}
	return out
}

func blockOf(text string) pgwire.Block { return block(parser.BlockOf(text)) }

// block puts it into pgwire's words; the kinds are in the same order.
func block(b parser.Block) pgwire.Block {
	return pgwire.Block{Kind: pgwire.BlockKind(b.Kind), Name: b.Name}
}
