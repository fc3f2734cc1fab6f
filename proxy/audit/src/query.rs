//! Questions to a log: a filter over its lines, each statement joined with its outcome.
