// Package kafka gives each test a Kafka broker of its own, in a process of its
// own: it can be killed and started again with the same address, topics,
// offsets and groups.  It ends with the test, or with the test's process.
package kafka
