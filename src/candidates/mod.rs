//! Candidates: the interactions that may have earned a visit. Both are Bloom filters, which reject most of those that
//! earned nothing and never one that did.
//!
//! [`by_time`] asks for one user's hash, establishment and time, within one process; [`by_piece`] is built for a piece
//! of the visits, travels, and joins those of others.

pub mod by_piece;
pub mod by_time;
