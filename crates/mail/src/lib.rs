//! Messages, maildrops, the fixture corpus and readers for mail folders.
