package cli

import (
	"fmt"
	"io"

	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// Result is how a check came out.
type Result string

const (
	ResultOK   Result = "ok"
	ResultWarn Result = "warn" // it works, but it may cause trouble
	ResultFail Result = "fail"
	ResultSkip Result = "skip" // the check does not apply, or the user did not want it
)

// Finding is the outcome of a check, for a person and for programs.
type Finding struct {
	Check  string  `json:"check"`
	Result Result  `json:"result"`
	Found  string  `json:"found"`
	Remedy *string `json:"remedy"`
}

var colourOf = map[Result]string{ResultOK: Green, ResultWarn: Yellow, ResultFail: Red}

// Print prints the finding in a line, and its remedy in another. width is that of the
// longest name of a check.
func (f Finding) Print(out io.Writer, p Paint, width int) error {
	text := fmt.Sprintf("%s  %-*s  %s\n", p.In(colourOf[f.Result], fmt.Sprintf("%-4s", f.Result)), width, f.Check, legible.Line(f.Found))
	if f.Remedy != nil {
		text += fmt.Sprintf("%*s→ %s\n", width+8, "", legible.Line(*f.Remedy))
	}
	_, err := io.WriteString(out, text)
	return err
}
