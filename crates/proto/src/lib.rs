//! POP3 as pure machines: bytes in, events and bytes out.
