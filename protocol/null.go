package protocol

import "time"

// Nullable is a text in JSON, null for "".
func Nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Timestamp is a time in JSON, as RFC 3339 has it in seconds; null for the zero time.
func Timestamp(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	return Nullable(at.UTC().Format(time.RFC3339))
}
