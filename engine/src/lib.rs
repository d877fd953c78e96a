//! Strowger: an embeddable interaction engine for contact centres.
#![forbid(unsafe_code)]

pub mod channel;
pub mod lifecycle;
