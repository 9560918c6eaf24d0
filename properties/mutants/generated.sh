#!/usr/bin/env bash
# Mutants that a program makes of the rooms where decisions are taken. First
# their own tests are asked, then those that live, or are not reached, are put to
# the rooms above and to the properties. Run it from the root of the module, with the
# rooms as arguments or with none for all; it works on a copy. The last score is in
# properties/README.md, and what lives and why is in generated_test.go.
set -euo pipefail
gremlins=github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
GOFLAGS=-mod=mod GOBIN=$scratch go install "$gremlins"
mkdir "$scratch/copy"
cp -r go.mod go.sum machine store protocol STATES.md cmd "$scratch/copy"
unleash() { # ROOM, FILES THAT ARE LEFT OUT
	printf '\n== %s\n' "$1"
	mkdir -p "$scratch/reports/$(dirname "$1")"
	(cd "$scratch/copy" && "$scratch/gremlins" unleash --invert-logical --workers 1 --timeout-coefficient 20 -S l \
		-o "$scratch/reports/$1.json" -E "$2" "./$1")
}
rooms=("$@")
[ "$#" -gt 0 ] || rooms=(machine machine/history machine/engine/internal/owner protocol/oauth store/journal)
for room in "${rooms[@]}"; do
	left_out=_test
	case $room in
	machine) left_out=/ ;;                           # its folders are other rooms, or decide nothing
	machine/engine/internal/owner) left_out=uptime ;; # it has no tests of its own: those of machine/engine are the first to be asked
	protocol/oauth) left_out='issuer/|client|transport|device|login' ;;
	esac
	unleash "$room" "$left_out"
done

printf '\n== what lives, and what is not reached, before the other tests\n'
go test ./properties/mutants -count=1 -run TestEveryGeneratedMutant -mutants.generated "$scratch/reports" -timeout 3h -v
