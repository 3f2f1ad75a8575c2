//! Sockets, TLS and real clocks: listens, dials, drives machines.
