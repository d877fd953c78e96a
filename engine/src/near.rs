//! What will be needed, on its way to the cache while something else is done.

use prefetch_index::prefetch_index;

/// Has the line of a cache on its way in which this begins. Nobody waits for it.
#[inline]
pub(crate) fn near<T>(what: &T) {
    prefetch_index(std::slice::from_ref(what), 0);
}
