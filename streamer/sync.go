package streamer

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"metadb/catalog"
)

// errTurn ends a run because a synchronization is to begin or to be cancelled: that
// happens between two runs. The next begins at once.
var errTurn = errors.New("a synchronization begins or is cancelled")

// syncSettings are the parameters of synchronizations.
type syncSettings struct {
	grace    time.Duration // sync_grace_seconds
	deadline time.Duration // sync_deadline_seconds
	keep     time.Duration // unadopted_marks_keep_days
}

func syncSettingsOf(config map[string]string) syncSettings {
	read := func(parameter string, unit, otherwise time.Duration) time.Duration {
		n, err := strconv.Atoi(config[parameter])
		if err != nil || n < 0 {
			return otherwise
		}
		return time.Duration(n) * unit
	}
	return syncSettings{
		grace:    read("sync_grace_seconds", time.Second, 30*time.Second),
		deadline: read("sync_deadline_seconds", time.Second, 3*time.Hour),
		keep:     read("unadopted_marks_keep_days", 24*time.Hour, 7*24*time.Hour),
	}
}

// turn brings the source's generation to what its mode and its requests ask for,
// before a run reads anything (rules R13 to R15).
func (w *worker) turn(ctx context.Context, st catalog.Stream) (catalog.Stream, error) {
	name := w.source.Name
	requests, err := w.opt.Catalog.SyncRequests(ctx, name)
	if err != nil {
		return st, err
	}
	mode, err := w.opt.Catalog.SyncMode(ctx, name)
	if err != nil {
		return st, err
	}
	sync, err := w.opt.Catalog.Sync(ctx, name, w.sync.keep)
	if err != nil {
		return st, err
	}
	var asked []int64 // SYNC and CANCEL SYNC
	var tables []int32
	begin := false
	for _, r := range requests {
		switch r.Kind {
		case catalog.RequestSync:
			asked, tables, begin = append(asked, r.ID), r.Tables, true
		case catalog.RequestCancelSync:
			asked, begin = append(asked, r.ID), false
		}
	}
	w.opt.Reached("turn.before")
	switch mode {
	case catalog.SyncNone:
		if len(asked) > 0 || sync != nil && (sync.Adopted || sync.Expired) {
			st, err = w.opt.Catalog.ForgetSync(ctx, name, st, asked)
		}
	case catalog.SyncInitial:
		if sync == nil || sync.Adopted && sync.Mode != catalog.SyncInitial {
			st, err = w.opt.Catalog.BeginInitial(ctx, name, st)
		}
	case catalog.SyncResync:
		if sync != nil && !begin {
			tables = sync.Tables
		}
		if begin || sync == nil || !sync.Adopted || sync.Mode != catalog.SyncResync {
			st, err = w.beginSync(ctx, st, tables, asked)
		}
	}
	w.opt.Reached("turn.after")
	if mode != catalog.SyncNone && err == nil && !w.told {
		w.told = true
		w.log.Info("synchronizing source \"" + w.source.Name + "\" (" + map[int16]string{catalog.SyncInitial: "initial", catalog.SyncResync: "resync"}[mode] + ")")
	}
	return st, err
}

// beginSync begins a generation. The brokers are asked before the source is locked.
func (w *worker) beginSync(ctx context.Context, st catalog.Stream, tables []int32, requests []int64) (catalog.Stream, error) {
	there, err := w.ends(ctx)
	if err != nil {
		return st, fmt.Errorf("begin synchronization: %w", err)
	}
	notices, err := w.noticeEnds(ctx)
	if err != nil {
		return st, fmt.Errorf("begin synchronization: %w", err)
	}
	w.opt.Reached("turn.ends")
	began := time.Now()
	st, err = w.opt.Catalog.BeginSync(ctx, w.source.Name, st, catalog.SyncBegin{
		There: there, Tables: tables, Keep: w.sync.keep, Requests: requests, Notices: notices,
	})
	if err == nil {
		w.told = true
		w.log.Info("synchronizing source \""+w.source.Name+"\" (resync)", "generation", st.Generation,
			"took", time.Since(began).Round(time.Millisecond).String())
	}
	return st, err
}

// admin makes a client that asks the source's brokers about topics.
func (w *worker) admin() (*kadm.Client, error) {
	access, err := newAccess(w.source, w.opt.Secrets)
	if err != nil {
		return nil, err
	}
	admin, err := kadm.NewOptClient(access.options()...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return admin, nil
}

// topicEnds are the partitions of all topics that the source reads, with where they
// end now.
func (w *worker) topicEnds(ctx context.Context) ([]catalog.Boundary, error) {
	admin, err := w.admin()
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	topics, err := matching(ctx, admin, w.source.Topics)
	if err != nil || len(topics) == 0 {
		return nil, err
	}
	ends, err := admin.ListEndOffsets(ctx, topics.Names()...)
	if err != nil {
		return nil, fmt.Errorf("list end offsets: %w", err)
	}
	var there []catalog.Boundary
	for _, t := range topics {
		for _, p := range t.Partitions {
			end, ok := ends.Lookup(t.Topic, p.Partition)
			if !ok || end.Err != nil {
				return nil, fmt.Errorf("topic %s, partition %d: offsets are not available", t.Topic, p.Partition)
			}
			there = append(there, catalog.Boundary{Topic: t.Topic, TopicID: t.ID, Partition: p.Partition, From: end.Offset})
		}
	}
	return there, nil
}

// matching are the topics that the option topics names.
func matching(ctx context.Context, admin *kadm.Client, option string) (kadm.TopicDetails, error) {
	patterns, err := topicPatterns(option)
	if err != nil {
		return nil, err
	}
	all, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	found := make(kadm.TopicDetails)
	for _, p := range patterns {
		match, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("option topics: %w", err)
		}
		for name, t := range all {
			if t.Err == nil && match.MatchString(name) {
				found[name] = t
			}
		}
	}
	return found, nil
}

// toTurn fails with errTurn when a statement has asked for it.
func (w *worker) toTurn(ctx context.Context) error {
	requests, err := w.opt.Catalog.SyncRequests(ctx, w.source.Name)
	if err != nil {
		return err
	}
	for _, r := range requests {
		if r.Kind != catalog.RequestEndsync {
			return errTurn
		}
	}
	return nil
}
