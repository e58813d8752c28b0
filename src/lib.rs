//! Footfall
