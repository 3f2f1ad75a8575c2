//! The poplab facade.
