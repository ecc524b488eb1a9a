//! Tests over a real driver.
