package properties

import "flag"

// long asks for the sizes that CI runs. Without it all of this package is done in
// a few minutes, also on a busy machine.
var long = flag.Bool("long", false, "the sizes that CI runs")
