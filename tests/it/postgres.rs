//! A PostgreSQL of a test's own.

pub(crate) use tallyline_tests::postgres::{Postgres, Stop};
