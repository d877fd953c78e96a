//! The Twitter (X API v2) channel of Strowger.
