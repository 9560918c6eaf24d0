package properties

import (
	"flag"
	"os"
)

// long asks for the sizes that CI runs. Without it all of this package is done in
// a few minutes, also on a busy machine.
var long = flag.Bool("long", os.Getenv("BEZOAR_TEST_LONG") != "", "the sizes that CI runs")
