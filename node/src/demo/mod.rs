//! A real match over real processes.
