//! The deterministic POP3 server, still without a socket.
