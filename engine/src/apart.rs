//! What one core writes to, kept out of the cache lines of what others write to.

use std::ops::Deref;

/// A value alone in its cache lines: two of them, because processors fetch lines in pairs.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(T);

impl<T> Apart<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T: Default> Apart<T> {
    /// So many of them.
    pub(crate) fn several(count: usize) -> Box<[Self]> {
        (0..count).map(|_| Self::default()).collect()
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
