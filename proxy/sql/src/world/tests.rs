//! What relation names mean.
