//! The facebook channel as a plugin.
