//! What is asked of X beyond posting: repeating, liking and following.

use serde_json::{Value, json};
use strowger_channel::config::BaseUrl;
use strowger_channel::{Job, OperationCall, Outcome, Request, text_of};

use crate::config::{Ability, Account};
use crate::publish::is_id;

/// An operation with its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    ability: Ability,
    /// The post, or the user for Follow and Unfollow.
    target: String,
}

impl Action {
    /// What a job asks for. What can't be done is rejected here, before any request.
    pub(crate) fn read(account: &Account, job: &Job, call: &OperationCall) -> Result<Self, Outcome> {
        let ability = Ability::ALL
            .into_iter()
            .find(|ability| ability.name() == call.name && account.operations.contains(ability))
            .ok_or_else(|| {
                let message = format!("the account `{}` can't do `{}`", account.name, call.name);
                Outcome::rejected("unsupported", message)
            })?;
        let (target, place) = match ability {
            Ability::Follow | Ability::Unfollow => {
                (text_of(&call.parameters, "twitterUserId"), "the parameter `twitterUserId`")
            }
            Ability::Retweet | Ability::MarkFavorite | Ability::RemoveFavorite => {
                (text_of(&job.user_data, "_twitterMsgId"), "the user data `_twitterMsgId`")
            }
        };
        match target.filter(|target| is_id(target)) {
            Some(target) => Ok(Self { ability, target }),
            None => Err(Outcome::rejected("no-target", format!("{place} must be X's id: 1 to 19 digits"))),
        }
    }

    /// The request, without `authorization`.
    pub(crate) fn request(&self, base: &BaseUrl, account: &Account) -> Request {
        let (user, target) = (&account.user_id, &self.target);
        let address = |what: &str| base.join(&format!("/2/users/{user}/{what}"));
        match self.ability {
            Ability::Retweet => Request::post(address("retweets")).json(json!({ "tweet_id": target })),
            Ability::MarkFavorite => Request::post(address("likes")).json(json!({ "tweet_id": target })),
            Ability::RemoveFavorite => Request::delete(address(&format!("likes/{target}"))),
            Ability::Follow => Request::post(address("following")).json(json!({ "target_user_id": target })),
            Ability::Unfollow => Request::delete(address(&format!("following/{target}"))),
        }
    }

    /// What the `data` of a success says: done, not done, or nothing that can be understood.
    pub(crate) fn was_done(&self, data: &Value) -> Option<bool> {
        let says = |member: &str| data[member].as_bool();
        match self.ability {
            Ability::Retweet => says("retweeted"),
            Ability::MarkFavorite => says("liked"),
            Ability::RemoveFavorite => says("liked").map(|liked| !liked),
            // A protected account is asked first: that is all that can be done.
            Ability::Follow => match (says("following"), says("pending_follow")) {
                (_, Some(true)) => Some(true),
                (following, _) => following,
            },
            Ability::Unfollow => says("following").map(|following| !following),
        }
    }

    /// The user data that tells of it.
    pub(crate) fn user_data(&self) -> Option<(&'static str, &'static str)> {
        match self.ability {
            Ability::Retweet => Some(("_twitterIsRetweet", "true")),
            Ability::MarkFavorite => Some(("_twitterIsFavorited", "true")),
            Ability::RemoveFavorite => Some(("_twitterIsFavorited", "false")),
            Ability::Follow | Ability::Unfollow => None,
        }
    }
}
