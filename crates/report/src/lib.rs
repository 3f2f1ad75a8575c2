//! Pure reporters: records to terminal, JSON and JUnit.
