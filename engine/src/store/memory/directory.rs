//! What is looked up by other keys than an interaction's id.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;
use foldhash::fast::RandomState;
use hashbrown::Equivalent;
use smol_str::SmolStr;

use crate::config::Retention;
use crate::delivery::Delivery;
use crate::interaction::{DeliveryId, InteractionId};
use crate::store::{
    AccountPause, Commit, ContactAddress, ContactOnChannel, ExternalId, KeptReply, LastAgent, Prune,
    RequestKey,
};

#[derive(Default)]
pub(super) struct Directory {
    pub(super) contacts: hashbrown::HashMap<ContactAddress, SmolStr, RandomState>,
    pub(super) last_agents: HashMap<ContactOnChannel, LastAgent>,
    pub(super) external: HashMap<ExternalId, External>,
    pub(super) external_of: HashMap<InteractionId, Vec<ExternalId>>,
    /// Settled deliveries in the order in which they were settled.
    settled: BTreeMap<u64, Settled>,
    settled_of: HashMap<InteractionId, BTreeSet<u64>>,
    last_settled: u64,
    pub(super) published: HashMap<AccountKey, BTreeMap<u64, (i64, String)>>,
    /// What outlives its interaction, by when it is forgotten.
    posts_by_end: BTreeSet<(i64, DeliveryId, u64)>,
    externals_by_end: BTreeSet<(i64, ExternalId)>,
    pub(super) pauses: BTreeMap<AccountKey, AccountPause>,
    pub(super) replies: HashMap<RequestKey, KeptReply>,
    /// Their keys by age.
    replies_by_age: BTreeSet<(i64, RequestKey)>,
}

/// A [`ContactAddress`] to look for: of its own texts the cores would count the sharers.
#[derive(Hash)]
pub(super) struct Address<'a> {
    pub(super) channel: &'a str,
    pub(super) address: &'a str,
}

impl Equivalent<ContactAddress> for Address<'_> {
    fn equivalent(&self, key: &ContactAddress) -> bool {
        *key.address == *self.address && *key.channel == *self.channel
    }
}

struct Settled {
    id: DeliveryId,
    interaction: Option<InteractionId>,
    /// The account, if something was published.
    account: Option<AccountKey>,
    /// When it is forgotten, if its interaction has gone.
    end_ms: Option<i64>,
}

pub(super) struct External {
    pub(super) interaction: InteractionId,
    /// When it is forgotten, if its interaction has gone.
    pub(super) end_ms: Option<i64>,
}

/// A channel's name and an account's.
pub(super) type AccountKey = (SmolStr, SmolStr);

impl Directory {
    pub(super) fn contradicts(&self, commit: &Commit) -> bool {
        commit.contacts.iter().any(|(address, _)| self.contacts.contains_key(address))
            || commit.external.as_ref().is_some_and(|(key, _)| self.external.contains_key(key))
            || commit.reply.as_ref().is_some_and(|(key, reply)| {
                self.replies.get(key).is_some_and(|kept| !kept.is_forgotten_at(reply.at_ms))
            })
    }

    pub(super) fn keep_reply(&mut self, key: RequestKey, reply: KeptReply, limit: usize) {
        self.forget_replies(|oldest, _| oldest.is_forgotten_at(reply.at_ms));
        self.replies_by_age.insert((reply.at_ms, key.clone()));
        self.replies.insert(key, reply);
        self.forget_replies(|_, count| count > limit);
    }

    fn forget_replies(&mut self, is_over: impl Fn(&KeptReply, usize) -> bool) {
        while let Some((_, key)) = self.replies_by_age.first()
            && self.replies.get(key).is_none_or(|kept| is_over(kept, self.replies.len()))
            && let Some((_, key)) = self.replies_by_age.pop_first()
        {
            self.replies.remove(&key);
        }
    }

    pub(super) fn settle(&mut self, delivery: &Delivery) {
        self.last_settled += 1;
        let number = self.last_settled;
        let account = delivery.published_id().map(|id| {
            let account = (delivery.channel.clone(), delivery.account.clone());
            let published = self.published.entry(account.clone()).or_default();
            published.insert(number, (delivery.accepted_ms, id.to_owned()));
            account
        });
        let interaction = delivery.interaction;
        if let Some(interaction) = interaction {
            self.settled_of.entry(interaction).or_default().insert(number);
        }
        self.settled.insert(number, Settled { id: delivery.id, interaction, account, end_ms: None });
    }

    /// Forgets the oldest settled deliveries beyond `limit`.
    pub(super) fn forget(&mut self, limit: usize) -> Vec<DeliveryId> {
        let mut forgotten = Vec::new();
        while self.settled.len() > limit
            && let Some((&number, _)) = self.settled.first_key_value()
        {
            forgotten.extend(self.forget_one(number));
        }
        forgotten
    }

    fn forget_one(&mut self, number: u64) -> Option<DeliveryId> {
        let Settled { id, interaction, account, end_ms } = self.settled.remove(&number)?;
        if let Some(end_ms) = end_ms {
            self.posts_by_end.remove(&(end_ms, id, number));
        }
        if let Some(account) = account
            && let Some(published) = self.published.get_mut(&account)
        {
            published.remove(&number);
            if published.is_empty() {
                self.published.remove(&account);
            }
        }
        if let Some(interaction) = interaction
            && let Some(of) = self.settled_of.get_mut(&interaction)
        {
            of.remove(&number);
            if of.is_empty() {
                self.settled_of.remove(&interaction);
            }
        }
        Some(id)
    }

    /// Lets go of what belongs to a pruned interaction: gives the deliveries that go at once.
    pub(super) fn outlive(&mut self, id: InteractionId, now_ms: i64) -> Vec<DeliveryId> {
        let mut forgotten = Vec::new();
        for number in self.settled_of.get(&id).cloned().unwrap_or_default() {
            match self.settled.get_mut(&number) {
                Some(settled) if settled.account.is_some() => {
                    let end_ms = now_ms.saturating_add(Retention::POSTS_MS);
                    if let Some(before_ms) = settled.end_ms.replace(end_ms) {
                        self.posts_by_end.remove(&(before_ms, settled.id, number));
                    }
                    self.posts_by_end.insert((end_ms, settled.id, number));
                }
                _ => forgotten.extend(self.forget_one(number)),
            }
        }
        for key in self.external_of.get(&id).cloned().unwrap_or_default() {
            let Some(external) = self.external.get_mut(&key) else { continue };
            let end_ms = now_ms.saturating_add(Retention::EXTERNAL_IDS_MS);
            if let Some(before_ms) = external.end_ms.replace(end_ms) {
                self.externals_by_end.remove(&(before_ms, key.clone()));
            }
            self.externals_by_end.insert((end_ms, key));
        }
        forgotten
    }

    pub(super) fn forget_posts(&mut self, prune: &Prune) -> Vec<DeliveryId> {
        let mut forgotten = Vec::new();
        for _ in 0..prune.max {
            let Some(&(end_ms, _, number)) = self.posts_by_end.first() else { break };
            if end_ms >= prune.now_ms {
                break;
            }
            forgotten.extend(self.forget_one(number));
        }
        forgotten
    }

    pub(super) fn forget_externals(&mut self, prune: &Prune) -> u64 {
        let mut forgotten = 0;
        while forgotten < u64::from(prune.max)
            && self.externals_by_end.first().is_some_and(|(end_ms, _)| *end_ms < prune.now_ms)
            && let Some((_, key)) = self.externals_by_end.pop_first()
        {
            if let Some(External { interaction, .. }) = self.external.remove(&key)
                && let Some(of) = self.external_of.get_mut(&interaction)
            {
                of.retain(|other| *other != key);
                if of.is_empty() {
                    self.external_of.remove(&interaction);
                }
            }
            forgotten += 1;
        }
        forgotten
    }
}
