//! Finds what can't stand in a JSON string as it is.

/// How many bytes come before the first quote, backslash or control character.
#[inline]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<16>();
    for (at, block) in blocks.iter().enumerate() {
        // Whether there is any is seen at once: a compiler makes a few vector instructions of this.
        if block.iter().fold(false, |found, byte| found | is_special(*byte)) {
            let (words, _) = block.as_chunks::<8>();
            let first = words.iter().enumerate().find_map(|(at, word)| Some(at * 8 + special(*word)?));
            return at * 16 + first.unwrap_or(16);
        }
    }
    bytes.len() - rest.len() + plain_in_rest(rest)
}

/// The same of fewer than 16 bytes. What two words have in common is looked at twice, which is less than a loop.
#[inline]
fn plain_in_rest(bytes: &[u8]) -> usize {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return special(*first)
            .or_else(|| special(*last).map(|at| bytes.len() - 8 + at))
            .unwrap_or(bytes.len());
    }
    bytes.iter().position(|byte| is_special(*byte)).unwrap_or(bytes.len())
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The place of the first one in a word.
#[inline]
fn special(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let word = u64::from_le_bytes(word);
    // The highest bit of each byte that is below `limit`. A borrow from a byte that is one may set that of the next
    // byte as well: the lowest bit that is set is sure.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let found = below(word, 0x20)
        | below(word ^ (ONES * u64::from(b'"')), 1)
        | below(word ^ (ONES * u64::from(b'\\')), 1);
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Planted faults: a limit that is off by one; a last word that is taken to begin where the first one ends.
        #[test]
        fn the_first_special_byte_is_found(bytes in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b'\\'), Just(0x1f), Just(0x20), b'!'..=b'#', b'['..=b']', any::<u8>(), b'a'..=b'z',
            b'a'..=b'z', b'a'..=b'z', b'a'..=b'z', b'a'..=b'z', b'a'..=b'z',
        ], 0..40)) {
            prop_assert_eq!(plain(&bytes), bytes.iter().position(|byte| is_special(*byte)).unwrap_or(bytes.len()));
        }

        /// Nearly all that a text holds is plain. Planted fault: a word that nobody looks at.
        #[test]
        fn the_only_special_byte_is_found(length in 0..70_usize, at in 0..70_usize, byte in prop_oneof![
            Just(b'"'), Just(b'\\'), 0_u8..0x20,
        ]) {
            let mut bytes = vec![b'a'; length];
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            prop_assert_eq!(plain(&bytes), at.min(length));
        }
    }
}
