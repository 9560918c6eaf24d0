package backend

// endsWithParent says that the system itself ends a child with its parent.
const endsWithParent = true
