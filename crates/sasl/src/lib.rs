//! SASL mechanisms and APOP, both sides, without I/O.
