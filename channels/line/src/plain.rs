//! Finds what ends a JSON string, and what can't stand in one as it is.
//!
//! Most blocks of a document hold nothing of the kind, and whether one does is a few vector instructions: what a
//! compiler makes of a fold over sixteen bytes that asks for one thing.

/// Whether there is no quote, backslash or control character.
#[inline]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk() {
        // The last block may lie over the one before it: to look twice takes less than a loop over a rest.
        let (blocks, _) = bytes.as_chunks();
        return is_plain_block(last) && blocks.iter().all(is_plain_block);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return special(*first).is_none() && special(*last).is_none();
    }
    !bytes.iter().any(|byte| is_special(*byte))
}

/// How many bytes come before the first quote, backslash or control character.
#[inline]
pub(crate) fn before_special(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks();
    for (at, block) in blocks.iter().enumerate() {
        if !is_plain_block(block) {
            let (words, _) = block.as_chunks();
            let first = words.iter().enumerate().find_map(|(at, word)| Some(at * 8 + special(*word)?));
            return at * 16 + first.unwrap_or(block.len());
        }
    }
    let in_rest = rest.iter().position(|byte| is_special(*byte));
    bytes.len() - rest.len() + in_rest.unwrap_or(rest.len())
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[inline]
fn is_plain_block(block: &[u8; 16]) -> bool {
    !(any_of(block, |byte| byte < 0x20)
        | any_of(block, |byte| byte == b'"')
        | any_of(block, |byte| byte == b'\\'))
}

#[inline]
fn any_of(block: &[u8], is_it: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(false, |found, byte| found | is_it(*byte))
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

    fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
        let first = bytes.iter().position(|byte| is_special(*byte));
        prop_assert_eq!(before_special(bytes), first.unwrap_or(bytes.len()));
        prop_assert_eq!(is_plain(bytes), first.is_none());
        Ok(())
    }

    proptest! {
        /// Planted fault: a limit that is off by one.
        #[test]
        fn the_first_special_byte_is_found(bytes in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b'\\'), Just(0x1f), Just(0x20), b'!'..=b'#', b'['..=b']', any::<u8>(), b'a'..=b'z',
            b'a'..=b'z', b'a'..=b'z', b'a'..=b'z', b'a'..=b'z', b'a'..=b'z',
        ], 0..40)) {
            check(&bytes)?;
        }

        /// Planted faults: a word, a block or a rest that nobody looks at.
        #[test]
        fn the_only_special_byte_is_found(length in 0..70_usize, at in 0..70_usize, byte in prop_oneof![
            Just(b'"'), Just(b'\\'), 0_u8..0x20,
        ]) {
            let mut bytes = vec![b'a'; length];
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            check(&bytes)?;
        }
    }
}
