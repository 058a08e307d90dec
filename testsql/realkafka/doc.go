// Package realkafka runs a real Kafka broker, and Kafka Connect with Debezium, for
// the long tests.  Their packages come from Maven Central, once, into the user's
// cache directory, and each file is compared with the checksum that is kept here.
// It needs Java 17 and Maven, and no containers.
package realkafka
