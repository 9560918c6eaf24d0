// Package properties doubts the rest of the program: what no single package can
// promise is tested here, in a folder for each method. Begin with poisoned_test.go;
// README.md says what the folders prove and how to read their failures.
package properties
