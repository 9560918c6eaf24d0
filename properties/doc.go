// Package properties doubts the rest of the program: what no single package can
// promise is tested here. Nothing imports it.
//
// The machine is run beside a second one that is written as dumbly as possible
// (model_test.go). The simulation runs everything from the machine to the
// refresh transaction for several processes on one store without a goroutine,
// so that rapid decides what happens next and cuts a failure down to a short
// story: world_test.go is what there is, process_test.go how refreshes become
// coroutines, operations_test.go what can happen, promises_test.go what must
// hold after each of them. engine_test.go runs the real goroutines in a bubble
// with virtual time. layers_test.go holds the import table, and
// invariants_test.go that each published invariant has its tests.
//
// A failure names its seed: -rapid.seed tells the same story again, and
// -rapid.checks makes a longer search.
package properties
