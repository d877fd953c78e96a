//! Two things timed side by side: in turns, so that what disturbs the machine disturbs both.

use std::time::Duration;

/// The medians of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    /// What ours took.
    pub ours: Duration,
    /// What the other took.
    pub other: Duration,
    /// The median of the pairs' ratios, ours to the other.
    pub ratio: f64,
}

/// Times both in turns, `pairs` times, after one turn that is not counted. Each gives what it took.
pub fn beside(
    pairs: usize,
    mut ours: impl FnMut() -> Duration,
    mut other: impl FnMut() -> Duration,
) -> Beside {
    ours();
    other();
    let mut timed = Vec::with_capacity(pairs);
    for at in 0..pairs {
        // Who goes first changes: neither always finds the other's warm caches.
        timed.push(if at % 2 == 0 {
            let ours = ours();
            (ours, other())
        } else {
            let other = other();
            (ours(), other)
        });
    }
    let seconds = |duration: Duration| duration.as_secs_f64();
    Beside {
        ours: Duration::from_secs_f64(median(timed.iter().map(|pair| seconds(pair.0)))),
        other: Duration::from_secs_f64(median(timed.iter().map(|pair| seconds(pair.1)))),
        ratio: median(timed.iter().map(|pair| seconds(pair.0) / seconds(pair.1))),
    }
}

/// The middle value; of an even number, the lower one of the two. NaN of nothing.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_pairs() {
        let mut ours = [9, 2, 4, 6].into_iter().map(Duration::from_millis);
        let mut other = [9, 1, 1, 2].into_iter().map(Duration::from_millis);
        let beside = beside(3, || ours.next().unwrap(), || other.next().unwrap());
        assert_eq!((beside.ours, beside.other), (Duration::from_millis(4), Duration::from_millis(1)));
        assert!((beside.ratio - 3.0).abs() < 1e-9);
    }
}
