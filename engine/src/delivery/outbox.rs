//! Which delivery is next: a schedule of what the store holds, kept in memory.
//!
//! Each account has a lane. A lane whose deliveries a plugin makes has one of them under way at a time,
//! so that messages go out in order, and nothing goes out while the fate of an earlier message is in
//! doubt. An account that must wait holds up no other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use foldhash::HashMap;
use foldhash::fast::RandomState;
use hashbrown::Equivalent;
use hashbrown::hash_map::EntryRef;
use parking_lot::{Condvar, Mutex};
use smol_str::SmolStr;

use super::{Delivery, GIVE_UP_AFTER_MS, Stage};
use crate::interaction::DeliveryId;
use crate::store::AccountPause;

/// Who makes a lane's deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pool {
    /// A plugin, in `deliver`.
    Plugins,
    /// The host, for this channel.
    Host(SmolStr),
}

/// A delivery that was taken out of the schedule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) id: DeliveryId,
    /// When it was taken: Unix time in milliseconds.
    pub(crate) at_ms: i64,
    /// It waited for its account's credentials as long as anything waits: it is not to be tried.
    pub(crate) gave_up: bool,
    lane: Lane,
    pool: Pool,
    /// Its number in the lane, which it keeps if it goes on.
    number: u64,
}

/// An account of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Lane {
    channel: SmolStr,
    account: SmolStr,
}

/// A [`Lane`] to look for.
#[derive(Clone, Copy, Hash)]
struct LaneOf<'a> {
    channel: &'a str,
    account: &'a str,
}

impl Equivalent<Lane> for LaneOf<'_> {
    fn equivalent(&self, lane: &Lane) -> bool {
        lane.account == self.account && lane.channel == self.channel
    }
}

impl From<LaneOf<'_>> for Lane {
    fn from(of: LaneOf<'_>) -> Self {
        Self { channel: of.channel.into(), account: of.account.into() }
    }
}

impl Lane {
    fn of(&self) -> LaneOf<'_> {
        LaneOf { channel: &self.channel, account: &self.account }
    }
}

/// What there is to do in a pool.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// This now.
    Now(Claim),
    /// Something at this Unix time in milliseconds.
    Until(i64),
    /// Nothing.
    Nothing,
}

/// The schedule.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<Schedule>,
    changed: Condvar,
}

#[derive(Default)]
struct Schedule {
    lanes: hashbrown::HashMap<Lane, LaneState, RandomState>,
    /// The lanes that have something to do, by when.
    ready: HashMap<Pool, BTreeSet<(i64, u64, Lane)>>,
    /// Counts what is put in, so that what is due at the same time keeps its order. A delivery that was
    /// tried keeps its number.
    number: u64,
    /// Deliveries that are not settled, and what waits with them.
    count: usize,
    bytes: usize,
    closed: bool,
}

struct LaneState {
    pool: Pool,
    /// To be looked up before anything else is sent.
    doubtful: BTreeSet<(i64, u64, DeliveryId)>,
    others: BTreeSet<(i64, u64, DeliveryId)>,
    paused_until_ms: i64,
    /// The platform does not accept the account's credentials: everything waits for new ones, each
    /// delivery for [`GIVE_UP_AFTER_MS`].
    held: bool,
    /// A delivery of a plugin is under way.
    busy: bool,
    /// Where the lane stands in `ready`.
    place: Option<(i64, u64)>,
}

impl Outbox {
    /// Makes room for a delivery of so many bytes; `false` if there is none.
    pub(crate) fn reserve(&self, bytes: usize, limit: usize, limit_bytes: usize) -> bool {
        let mut state = self.state.lock();
        let fits = state.count < limit && state.bytes.saturating_add(bytes) <= limit_bytes;
        if fits {
            state.count += 1;
            state.bytes += bytes;
        }
        fits
    }

    /// Gives the room of a settled delivery back.
    pub(crate) fn release(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.count = state.count.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(bytes);
    }

    /// How many deliveries are not settled.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().count
    }

    /// Puts a delivery into the schedule, by its stage.
    pub(crate) fn schedule(&self, delivery: &Delivery, pool: &Pool) {
        let mut state = self.state.lock();
        let number = state.next_number();
        state.schedule(delivery, pool, number);
        drop(state);
        self.changed.notify_all();
    }

    /// Leaves an account alone until then.
    pub(crate) fn pause(&self, channel: &str, account: &str, pool: &Pool, until_ms: i64) {
        let mut state = self.state.lock();
        let lane = LaneOf { channel, account };
        let entry = state.lane(lane, pool);
        entry.paused_until_ms = entry.paused_until_ms.max(until_ms);
        state.place(lane);
    }

    /// Leaves an account alone until its credentials change.
    pub(crate) fn hold(&self, channel: &str, account: &str, pool: &Pool) {
        let mut state = self.state.lock();
        let lane = LaneOf { channel, account };
        state.lane(lane, pool).held = true;
        state.place(lane);
    }

    /// Leaves an account alone as an earlier run left it.
    pub(crate) fn take_up_pause(&self, pause: &AccountPause, pool: &Pool) {
        if let Some(until_ms) = pause.until_ms {
            self.pause(&pause.channel, &pause.account, pool, until_ms);
        }
        if pause.is_held {
            self.hold(&pause.channel, &pause.account, pool);
        }
    }

    /// Goes on with an account.
    pub(crate) fn resume(&self, channel: &str, account: &str, pool: &Pool) {
        let mut state = self.state.lock();
        let lane = LaneOf { channel, account };
        let entry = state.lane(lane, pool);
        entry.paused_until_ms = i64::MIN;
        entry.held = false;
        state.place(lane);
        drop(state);
        self.changed.notify_all();
    }

    /// Ends a claim: the delivery is settled, or goes on in its stage.
    #[allow(clippy::needless_pass_by_value, reason = "a claim ends once")]
    pub(crate) fn finish(&self, claim: Claim, pool: &Pool, goes_on: Option<&Delivery>) {
        let mut state = self.state.lock();
        if let Some(lane) = state.lanes.get_mut(&claim.lane) {
            lane.busy = false;
        }
        if let Some(delivery) = goes_on {
            state.schedule(delivery, pool, claim.number);
        }
        state.place(claim.lane.of());
        drop(state);
        self.changed.notify_all();
    }

    /// Ends a claim of which nothing came: the delivery is looked at again then.
    #[allow(clippy::needless_pass_by_value, reason = "a claim ends once")]
    pub(crate) fn put_back(&self, claim: Claim, due_ms: i64) {
        let mut state = self.state.lock();
        // The lane of a host that has nothing else to do is gone by now.
        let lane = state.lane(claim.lane.of(), &claim.pool);
        lane.busy = false;
        // First of all: what stage it is in only the store knows.
        lane.doubtful.insert((due_ms, claim.number, claim.id));
        state.place(claim.lane.of());
        drop(state);
        self.changed.notify_all();
    }

    /// Takes what is due, waiting for it until `deadline`. `now_ms` tells the time.
    pub(crate) fn claim_until(
        &self,
        pool: &Pool,
        deadline: Instant,
        now_ms: impl Fn() -> i64,
    ) -> Option<Claim> {
        loop {
            // Asked without the lock: the clock may be a function of the host.
            let now = now_ms();
            let mut state = self.state.lock();
            let due_ms = match state.claim(pool, now) {
                Waiting::Now(claim) => return Some(claim),
                Waiting::Until(due_ms) => Some(due_ms),
                Waiting::Nothing => None,
            };
            if state.closed || Instant::now() >= deadline {
                return None;
            }
            let due = due_ms.and_then(|due_ms| {
                let wait = u64::try_from(due_ms.saturating_sub(now)).unwrap_or(0);
                Instant::now().checked_add(Duration::from_millis(wait))
            });
            self.changed.wait_until(&mut state, due.map_or(deadline, |due| due.min(deadline)));
        }
    }

    /// Wakes everybody who waits for something to do.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}

impl Schedule {
    fn lane(&mut self, lane: LaneOf<'_>, pool: &Pool) -> &mut LaneState {
        match self.lanes.entry_ref(&lane) {
            EntryRef::Occupied(known) => known.into_mut(),
            EntryRef::Vacant(new) => new.insert_with_key(Lane::from(lane), LaneState::new(pool.clone())),
        }
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn schedule(&mut self, delivery: &Delivery, pool: &Pool, number: u64) {
        let lane = LaneOf { channel: &delivery.channel, account: &delivery.account };
        let entry = self.lane(lane, pool);
        let first = entry.next();
        match delivery.stage {
            Stage::Pending { due_ms } => {
                // What waits because its account is paused goes out in its turn when the pause ends.
                let is_paused = due_ms <= entry.paused_until_ms;
                let due_ms = if is_paused { due_ms.min(delivery.accepted_ms) } else { due_ms };
                entry.others.insert((due_ms, number, delivery.id));
            }
            Stage::Awaiting { due_ms, .. } => {
                entry.others.insert((due_ms, number, delivery.id));
            }
            Stage::Doubtful { due_ms } => {
                entry.doubtful.insert((due_ms, number, delivery.id));
            }
            Stage::Intended | Stage::Settled => {}
        }
        // Behind another one it does not move the lane.
        if first.is_none() || entry.next() != first {
            self.place(lane);
        }
    }

    /// Puts the lane where it now belongs among the ready ones.
    fn place(&mut self, lane: LaneOf<'_>) {
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        let wait_ms = if state.held { GIVE_UP_AFTER_MS } else { 0 };
        let next = state
            .next()
            .filter(|_| !state.busy)
            .map(|(due_ms, number, _)| (due_ms.saturating_add(wait_ms).max(state.paused_until_ms), number));
        if next.is_some() && next == state.place {
            return;
        }
        let ready = self.ready.entry(state.pool.clone()).or_default();
        if let Some((due_ms, number)) = state.place {
            ready.remove(&(due_ms, number, Lane::from(lane)));
        }
        if let Some((due_ms, number)) = next {
            ready.insert((due_ms, number, Lane::from(lane)));
        }
        state.place = next;
        let is_idle = next.is_none() && !state.busy && !state.held && state.paused_until_ms == i64::MIN;
        if is_idle {
            self.lanes.remove(&lane);
        }
    }

    fn claim(&mut self, pool: &Pool, now_ms: i64) -> Waiting {
        let Some((due_ms, _, lane)) = self.ready.get(pool).and_then(BTreeSet::first).cloned() else {
            return Waiting::Nothing;
        };
        if due_ms > now_ms {
            return Waiting::Until(due_ms);
        }
        let Some(state) = self.lanes.get_mut(&lane) else { return Waiting::Nothing };
        let gave_up = state.held;
        let Some((number, id)) = state.take() else { return Waiting::Nothing };
        self.place(lane.of());
        Waiting::Now(Claim { id, at_ms: now_ms, gave_up, lane, pool: pool.clone(), number })
    }
}

impl LaneState {
    fn new(pool: Pool) -> Self {
        Self {
            pool,
            doubtful: BTreeSet::new(),
            others: BTreeSet::new(),
            paused_until_ms: i64::MIN,
            held: false,
            busy: false,
            place: None,
        }
    }

    fn next(&self) -> Option<(i64, u64, DeliveryId)> {
        self.doubtful.first().or_else(|| self.others.first()).copied()
    }

    fn take(&mut self) -> Option<(u64, DeliveryId)> {
        let (_, number, id) = self.doubtful.pop_first().or_else(|| self.others.pop_first())?;
        // The host keeps its own order, and may have several under way.
        self.busy = self.pool == Pool::Plugins;
        Some((number, id))
    }
}
