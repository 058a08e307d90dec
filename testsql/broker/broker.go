// Package broker is a Kafka broker for tests and benchmarks with a way to fill
// it: by playing recordings or by generating events.
//
// It is meant to run in a process of its own (cmd/broker), so that it may be
// killed and started again.  Tests reach it through package kafka.
package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxMessage is above the longest value in the recordings, 1 MiB.
	maxMessage = 64 << 20
	// portPatience is how long a start waits for its port: a broker killed a
	// moment ago may still hold it.
	portPatience = 10 * time.Second
	// portPause lies between two tries.
	portPause = 20 * time.Millisecond
)

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
}

// Start runs a broker on a port of 127.0.0.1, 0 meaning any.  With a data
// directory, topics, offsets and groups are there again after a new start. more
// are settings of listeners and users.
func Start(ctx context.Context, port int, dataDir string, more ...kfake.Opt) (*Broker, error) {
	opts := append([]kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.BrokerConfigs(map[string]string{
			"message.max.bytes": fmt.Sprint(maxMessage),
			"log.retention.ms":  "-1", // recordings are old
		}),
	}, more...)
	if dataDir != "" {
		opts = append(opts, kfake.DataDir(dataDir))
	}
	deadline := time.NewTimer(portPatience)
	defer deadline.Stop()
	pause := time.NewTicker(portPause)
	defer pause.Stop()
	for {
		cluster, err := kfake.NewCluster(opts...)
		if err == nil {
			return &Broker{cluster: cluster}, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("start broker: %w", err)
		}
		select {
		case <-pause.C:
		case <-deadline.C:
			return nil, fmt.Errorf("start broker: %w", err)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Addr is the address that the broker listens on.
func (b *Broker) Addr() string {
	addrs := b.cluster.ListenAddrs()
	if len(addrs) == 0 {
		return net.JoinHostPort("127.0.0.1", "0")
	}
	return addrs[0]
}

// Control has requests of a kind answered by a function; it says whether it did.
func (b *Broker) Control(key int16, answer func(kmsg.Request) (kmsg.Response, bool)) {
	b.cluster.ControlKey(key, func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		response, handled := answer(r)
		return response, nil, handled
	})
}

// Close ends the broker and saves what it has.
func (b *Broker) Close() { b.cluster.Close() }
