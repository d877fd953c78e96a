//! Write a Strowger channel plugin in safe Rust.
