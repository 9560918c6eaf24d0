package system

// HasRoom leaves it to a try.
func (here) HasRoom(string, int) error { return nil }
