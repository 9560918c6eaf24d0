#!/usr/bin/env bash
# Mutants that a program makes of the rooms where decisions are taken, and what
# their own tests say: run it from the root of the module. It works on a copy.
# The score of the last run, and what it does not see, is in README.md.
set -euo pipefail
gremlins=github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
GOFLAGS=-mod=mod GOBIN=$scratch go install "$gremlins"
mkdir "$scratch/copy"
cp -r go.mod go.sum machine store protocol STATES.md cmd "$scratch/copy"
cd "$scratch/copy"
unleash() { # ROOM, FILES THAT ARE LEFT OUT
	printf '\n== %s\n' "$1"
	"$scratch/gremlins" unleash --invert-logical --workers 1 --timeout-coefficient 20 -S lv -E "$2" "./$1"
}
unleash machine 'diagram/|engine/|claims/|secret/'
unleash machine/engine 'engine.go|options.go'
unleash protocol/oauth 'issuer/|client|transport|device|exchange|authorize|pkce|revoke|errors'
rm -r store/*/ # or the tests of all backends would run for each mutant
unleash store 'codec|object'
