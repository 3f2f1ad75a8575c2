//! The versioned result formats: the only types that serialise.
