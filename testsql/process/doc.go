// Package process runs Metadb's server and the broker of tests as processes, for
// programs that show or measure them: the demo, the benchmarks, the soak.
package process
