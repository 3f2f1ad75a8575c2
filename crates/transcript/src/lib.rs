//! The one wire-text format: record, render, parse, redact.
