//! How long to wait before the next try.

use crate::environment::Random;

/// One second, doubling up to five minutes, a fifth more or less by chance.
pub(super) fn backoff_ms(tries: u32, random: &dyn Random) -> i64 {
    const FIRST_MS: i64 = 1_000;
    const LONGEST_MS: i64 = 300_000;
    const SPREAD_PER_MILLE: i64 = 200;

    let base = FIRST_MS.saturating_mul(1_i64 << tries.saturating_sub(1).min(20)).min(LONGEST_MS);
    let mut chance = [0; 2];
    random.fill(&mut chance);
    let step = i64::from(u16::from_le_bytes(chance)) % (2 * SPREAD_PER_MILLE + 1);
    base * (1_000 - SPREAD_PER_MILLE + step) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Chance(u16);
    impl Random for Chance {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.to_le_bytes());
        }
    }

    #[test]
    fn waits_double_up_to_five_minutes_within_a_fifth() {
        let bounds = |tries| (backoff_ms(tries, &Chance(0)), backoff_ms(tries, &Chance(400)));
        assert_eq!(bounds(1), (800, 1_200));
        assert_eq!(bounds(2), (1_600, 2_400));
        assert_eq!(bounds(9), (204_800, 307_200));
        assert_eq!(bounds(10), (240_000, 360_000));
        assert_eq!(bounds(u32::MAX), (240_000, 360_000));
    }
}
