//! Who gets what waits: queued interactions are offered to ready agents, the longest waiting first, to the
//! contact's last agent if that one is ready, else to the agent who has been without a new one for longest.
//!
//! A host with a router of its own leaves this one switched off.

use std::collections::HashMap;
use std::time::Duration;

/// How the router behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The queues that are watched.
    pub(crate) queues: Vec<String>,
    /// How many open interactions an agent may have and still be offered another.
    pub(crate) open_per_agent: usize,
    /// How long an offer stands. Then it is taken back, and the agent is no longer ready.
    pub(crate) offer_stands: Duration,
    /// How long an agent who rejected an interaction is not offered it again.
    pub(crate) rejection_stands: Duration,
}

impl Rules {
    /// The defaults, for these queues.
    pub(crate) fn of(queues: Vec<String>) -> Self {
        Self {
            queues,
            open_per_agent: 5,
            offer_stands: Duration::from_secs(60),
            rejection_stands: Duration::from_secs(60),
        }
    }
}

/// How many of those that wait in a queue are looked at in a round: so many may be passed over.
pub(crate) const DEPTH: usize = 50;

/// One of those that wait in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waits {
    pub(crate) id: String,
    /// Since when it waits: Unix time in milliseconds.
    pub(crate) since_ms: i64,
    /// The agent who last had to do with its contact.
    pub(crate) last_agent: Option<String>,
}

/// An agent who is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadyAgent {
    pub(crate) id: String,
    /// Since when: Unix time in milliseconds.
    pub(crate) since_ms: i64,
    /// How many interactions are open.
    pub(crate) open: usize,
}

/// Where an interaction that was offered stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The agent has not answered.
    Offered,
    /// It is back in its queue.
    Returned,
    /// The agent took it, or it went elsewhere.
    Gone,
}

/// What the router sees and does.
pub(crate) trait Floor {
    type Error: std::fmt::Display;
    /// Those that have waited longest in a queue, at most [`DEPTH`].
    fn waiting(&self, queue: &str) -> Result<Vec<Waits>, Self::Error>;
    fn ready(&self) -> Result<Vec<ReadyAgent>, Self::Error>;
    fn standing(&self, interaction: &str, agent: &str) -> Result<Standing, Self::Error>;
    /// `false`: it was no longer waiting.
    fn offer(&self, interaction: &str, agent: &str) -> Result<bool, Self::Error>;
    /// Takes an offer back that nobody answered, and makes the agent not ready.
    fn withdraw(&self, interaction: &str, agent: &str) -> Result<(), Self::Error>;
}

/// What the router remembers between two rounds.
#[derive(Debug, Default)]
pub(crate) struct Router {
    /// Offers that nobody answered yet, by interaction: to whom, and when.
    offers: HashMap<String, (String, i64)>,
    /// Who rejected what, and when.
    rejections: HashMap<(String, String), i64>,
    /// When an agent was last offered something.
    last_offer: HashMap<String, i64>,
}

impl Router {
    /// Looks after the offers that stand, and offers what waits. Returns how many offers were made.
    pub(crate) fn round<F: Floor>(
        &mut self,
        rules: &Rules,
        now_ms: i64,
        floor: &F,
    ) -> Result<usize, F::Error> {
        self.look_after(rules, now_ms, floor)?;
        let mut ready = floor.ready()?;
        self.last_offer.retain(|agent, _| ready.iter().any(|ready| ready.id == *agent));
        let can_take_one = |ready: &[ReadyAgent]| ready.iter().any(|ready| ready.open < rules.open_per_agent);
        if !can_take_one(&ready) {
            return Ok(0);
        }
        let mut waiting = Vec::new();
        for queue in &rules.queues {
            waiting.extend(floor.waiting(queue)?);
        }
        // Across all queues; of one queue, in its own order.
        waiting.sort_by_key(|waits| waits.since_ms);
        let mut made = 0;
        for waits in waiting {
            // What nobody can take now holds up nothing behind it.
            let Some(agent) = self.choose(rules, &waits, &ready) else { continue };
            if floor.offer(&waits.id, &agent)? {
                made += 1;
                self.last_offer.insert(agent.clone(), now_ms);
                if let Some(chosen) = ready.iter_mut().find(|ready| ready.id == agent) {
                    chosen.open += 1;
                }
                self.offers.insert(waits.id, (agent, now_ms));
                if !can_take_one(&ready) {
                    break;
                }
            }
        }
        Ok(made)
    }

    fn look_after<F: Floor>(&mut self, rules: &Rules, now_ms: i64, floor: &F) -> Result<(), F::Error> {
        let long_ago = |since_ms: i64, limit: Duration| {
            now_ms.saturating_sub(since_ms) >= i64::try_from(limit.as_millis()).unwrap_or(i64::MAX)
        };
        self.rejections.retain(|_, at_ms| !long_ago(*at_ms, rules.rejection_stands));
        let offered: Vec<_> =
            self.offers.iter().map(|(id, (agent, at_ms))| (id.clone(), agent.clone(), *at_ms)).collect();
        for (id, agent, at_ms) in offered {
            match floor.standing(&id, &agent)? {
                Standing::Offered if !long_ago(at_ms, rules.offer_stands) => continue,
                Standing::Offered => floor.withdraw(&id, &agent)?,
                Standing::Returned => {
                    self.rejections.insert((id.clone(), agent), now_ms);
                }
                Standing::Gone => {}
            }
            self.offers.remove(&id);
        }
        Ok(())
    }

    fn choose(&self, rules: &Rules, waits: &Waits, ready: &[ReadyAgent]) -> Option<String> {
        let can_take = |agent: &&ReadyAgent| {
            agent.open < rules.open_per_agent
                && !self.rejections.contains_key(&(waits.id.clone(), agent.id.clone()))
        };
        let known = ready.iter().filter(can_take).find(|agent| Some(&agent.id) == waits.last_agent.as_ref());
        let idle_since = |agent: &&ReadyAgent| {
            self.last_offer.get(&agent.id).copied().unwrap_or(i64::MIN).max(agent.since_ms)
        };
        known.or_else(|| ready.iter().filter(can_take).min_by_key(idle_since)).map(|agent| agent.id.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::*;

    /// A contact centre on paper.
    #[derive(Default)]
    struct Paper(RefCell<Sheet>);

    #[derive(Default)]
    struct Sheet {
        queues: BTreeMap<String, Vec<Waits>>,
        ready: Vec<ReadyAgent>,
        offered: BTreeMap<String, (String, String, Waits)>,
    }

    impl Paper {
        fn waits(&self, queue: &str, id: &str, since_ms: i64, last_agent: Option<&str>) {
            let waits = Waits { id: id.into(), since_ms, last_agent: last_agent.map(str::to_owned) };
            self.0.borrow_mut().queues.entry(queue.into()).or_default().push(waits);
        }

        fn is_ready(&self, id: &str, since_ms: i64) {
            self.0.borrow_mut().ready.push(ReadyAgent { id: id.into(), since_ms, open: 0 });
        }

        fn has(&self, id: &str) -> Option<String> {
            self.0.borrow().offered.get(id).map(|(agent, ..)| agent.clone())
        }

        fn give_back(&self, id: &str) {
            let mut sheet = self.0.borrow_mut();
            let (agent, queue, head) = sheet.offered.remove(id).expect("it was offered");
            sheet.queues.entry(queue).or_default().insert(0, head);
            if let Some(ready) = sheet.ready.iter_mut().find(|ready| ready.id == agent) {
                ready.open -= 1;
            }
        }
    }

    impl Floor for Paper {
        type Error = Infallible;

        fn waiting(&self, queue: &str) -> Result<Vec<Waits>, Infallible> {
            Ok(self.0.borrow().queues.get(queue).into_iter().flatten().take(DEPTH).cloned().collect())
        }

        fn ready(&self) -> Result<Vec<ReadyAgent>, Infallible> {
            Ok(self.0.borrow().ready.clone())
        }

        fn standing(&self, interaction: &str, agent: &str) -> Result<Standing, Infallible> {
            Ok(match self.has(interaction) {
                Some(has) if has == agent => Standing::Offered,
                Some(_) => Standing::Gone,
                None => Standing::Returned,
            })
        }

        fn offer(&self, interaction: &str, agent: &str) -> Result<bool, Infallible> {
            let mut sheet = self.0.borrow_mut();
            let Some((queue, place)) = sheet.queues.iter().find_map(|(name, queue)| {
                queue.iter().position(|head| head.id == interaction).map(|place| (name.clone(), place))
            }) else {
                return Ok(false);
            };
            let head = sheet.queues.get_mut(&queue).expect("it is there").remove(place);
            sheet.ready.iter_mut().filter(|ready| ready.id == agent).for_each(|ready| ready.open += 1);
            sheet.offered.insert(interaction.into(), (agent.into(), queue, head));
            Ok(true)
        }

        fn withdraw(&self, interaction: &str, agent: &str) -> Result<(), Infallible> {
            self.give_back(interaction);
            self.0.borrow_mut().ready.retain(|ready| ready.id != agent);
            Ok(())
        }
    }

    fn rules() -> Rules {
        Rules {
            queues: vec!["/queues/one".into(), "/queues/two".into()],
            open_per_agent: 2,
            offer_stands: Duration::from_secs(30),
            rejection_stands: Duration::from_secs(60),
        }
    }

    #[test]
    fn the_longest_waiting_goes_to_who_is_idle_longest() {
        let floor = Paper::default();
        floor.waits("/queues/one", "late", 30, None);
        floor.waits("/queues/two", "early", 10, None);
        floor.waits("/queues/two", "middle", 20, None);
        floor.is_ready("a1", 5);
        floor.is_ready("a2", 3);
        let mut router = Router::default();
        assert_eq!(router.round(&rules(), 100, &floor), Ok(3));
        assert_eq!(floor.has("early").as_deref(), Some("a2"));
        assert_eq!(floor.has("middle").as_deref(), Some("a1"));
        assert!(floor.has("late").is_some());
    }

    #[test]
    fn the_last_agent_is_preferred_while_ready() {
        let floor = Paper::default();
        floor.waits("/queues/one", "known", 10, Some("a1"));
        floor.waits("/queues/one", "away", 11, Some("a9"));
        floor.is_ready("a1", 50);
        floor.is_ready("a2", 3);
        Router::default().round(&rules(), 100, &floor).expect("paper never fails");
        assert_eq!(floor.has("known").as_deref(), Some("a1"));
        assert_eq!(floor.has("away").as_deref(), Some("a2"));
    }

    #[test]
    fn nobody_gets_more_than_the_limit_and_a_full_queue_holds_no_other_up() {
        let floor = Paper::default();
        for (place, id) in ["i1", "i2", "i3"].iter().enumerate() {
            floor.waits("/queues/one", id, i64::try_from(place).expect("small"), None);
        }
        floor.is_ready("a1", 1);
        let mut router = Router::default();
        assert_eq!(router.round(&rules(), 100, &floor), Ok(2));
        assert_eq!(floor.has("i3"), None);
        assert_eq!(router.round(&rules(), 101, &floor), Ok(0));
    }

    #[test]
    fn who_rejects_is_not_asked_again_at_once_and_others_behind_it_are_served() {
        let floor = Paper::default();
        floor.waits("/queues/one", "unloved", 10, None);
        floor.is_ready("a1", 1);
        let rules = Rules { offer_stands: Duration::from_secs(3_600), ..rules() };
        let mut router = Router::default();
        router.round(&rules, 1_000, &floor).expect("paper never fails");
        floor.give_back("unloved");
        // In the same queue. Fails if only what stands first in a queue is looked at.
        floor.waits("/queues/one", "other", 20, None);
        assert_eq!(router.round(&rules, 2_000, &floor), Ok(1));
        assert_eq!((floor.has("unloved"), floor.has("other").as_deref()), (None, Some("a1")));
        assert_eq!(router.round(&rules, 61_999, &floor), Ok(0));
        assert_eq!(router.round(&rules, 62_000, &floor), Ok(1), "a minute later it is offered again");
    }

    #[test]
    fn an_offer_that_nobody_answers_is_taken_back() {
        let floor = Paper::default();
        floor.waits("/queues/one", "ringing", 10, None);
        floor.is_ready("a1", 1);
        let mut router = Router::default();
        router.round(&rules(), 0, &floor).expect("paper never fails");
        router.round(&rules(), 29_999, &floor).expect("paper never fails");
        assert_eq!(floor.has("ringing").as_deref(), Some("a1"));
        floor.is_ready("a2", 2);
        router.round(&rules(), 30_000, &floor).expect("paper never fails");
        assert_eq!(floor.has("ringing").as_deref(), Some("a2"), "the next one is asked");
        assert!(floor.ready().expect("paper never fails").iter().all(|agent| agent.id != "a1"));
    }
}
