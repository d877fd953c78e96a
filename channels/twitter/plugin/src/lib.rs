//! The twitter channel as a plugin.
