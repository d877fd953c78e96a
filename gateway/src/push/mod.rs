//! The push surface: requests as OneAll's Push API takes them, answers as it gives them. What is pushed is an
//! interaction like any other: created and sent through the engine, in the name of an agent.
//!
//! OneAll's twenty endpoints are one table, that of the crate `strowger-oneall`, which requests are judged by here
//! and made by there. `request` reads one, `mapping` says which channel, text and extras it is, `errand` creates
//! and sends, `outcomes` tells what became of it, `envelope` answers, `repeats` knows a repeated request again,
//! `lookup` tells later what became of what was open.
//!
//! # What an answer promises
//!
//! | status | meaning |
//! |---|---|
//! | 200 | published: `post_id`, `post_location` |
//! | 202 | on its way, or nobody can tell; repeating might publish twice. `status_uri` (and `Location`) tells whoever has the keys later; `uri` is the interaction, for its agent |
//! | 4xx | not published, and it will not be: nothing is left behind |
//! | 503 | the same, for a reason that passes: try again after `Retry-After` |

mod envelope;
mod errand;
mod lookup;
mod mapping;
mod outcomes;
mod repeats;
mod request;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};

use self::envelope::{Answer, Problem};
use self::errand::Errand;
use self::mapping::Account;
use self::outcomes::Outcomes;
use self::repeats::{Key, Repeats};
use self::request::Asked;
use crate::auth::{Denied, Keys};
use crate::gateway::Gateway;
use crate::http::{Peer, read_body};

/// How the push surface behaves.
#[derive(Clone, Debug)]
pub(crate) struct PushRules {
    /// What clients show as HTTP Basic.
    pub(crate) keys: Keys,
    /// How long an answer waits for the outcome.
    pub(crate) wait: Duration,
    /// X's ids of places, by the names that clients give.
    pub(crate) places: HashMap<String, String>,
    /// By identity token.
    pub(crate) identities: HashMap<String, Identity>,
}

/// In whose name an identity's pushes are made, and by which accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) agent: String,
    pub(crate) queue: String,
    /// The account's name, by channel.
    pub(crate) accounts: BTreeMap<String, String>,
}

/// How long an answer waits unless the configuration says otherwise.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// What pushes share.
#[derive(Default)]
pub(crate) struct Pushes {
    outcomes: Outcomes,
    repeats: Repeats,
}

/// Begins to listen to what the agents of identities are told. To be called before the first push.
pub(crate) fn listen(gateway: &Arc<Gateway>) -> Result<(), strowger::Error> {
    let Some(rules) = &gateway.settings.push else { return Ok(()) };
    let agents: std::collections::BTreeSet<_> =
        rules.identities.values().map(|identity| identity.agent.as_str()).collect();
    for agent in agents {
        if let Some(colleague) = gateway.doorkeeper.staff().find(agent) {
            let subscription = colleague.agent.subscribe("/v2/me/*")?;
            let gateway = gateway.clone();
            tokio::spawn(async move { gateway.pushes.outcomes.feed(subscription).await });
        }
    }
    Ok(())
}

/// Publishes.
pub(crate) async fn publish(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let resource = request.uri().path().to_owned();
    match try_publish(&gateway, &resource, request).await {
        Ok(answer) => {
            let status_uri = request::pushed_path(&resource, &answer.id);
            envelope::answer(&resource, &answer, &format!("{}{status_uri}", gateway.settings.base_uri))
        }
        Err(problem) => envelope::refuse(&resource, &problem),
    }
}

/// Tells what became of a push, to whoever has the keys: the same forms of answer as when it was made.
pub(crate) async fn look_up(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let resource = request.uri().path().to_owned();
    let found = match admit(&gateway, &request) {
        Ok(rules) => lookup::look_up(&gateway, rules, &resource).await,
        Err(problem) => Err(problem),
    };
    match found {
        Ok(answer) => {
            let own_address = format!("{}{resource}", gateway.settings.base_uri);
            envelope::answer(&resource, &answer, &own_address)
        }
        Err(problem) => envelope::refuse(&resource, &problem),
    }
}

/// The rules, for whoever has the keys.
fn admit<'a>(gateway: &'a Gateway, request: &Request) -> Result<&'a PushRules, Problem> {
    let Some(rules) = &gateway.settings.push else {
        return Err(Problem::new(404, "nothing is pushed here: the gateway has no push surface configured"));
    };
    let peer = request.extensions().get::<Peer>().copied();
    let from = peer.ok_or_else(|| Problem::new(503, "the connection's address is not known"))?.address;
    gateway.doorkeeper.admit_keys(&rules.keys, request.headers(), from).map_err(|denied| match denied {
        Denied::NobodyAsked | Denied::Wrong => {
            gateway.metrics.failed_logins.inc();
            Problem::new(401, "the public and the private key are asked for, as HTTP Basic")
        }
        Denied::TooOften { retry_after } => Problem::new(429, "too many wrong keys").retry_after(retry_after),
        Denied::TooMany { retry_after } => Problem::new(503, denied.to_string()).retry_after(retry_after),
    })?;
    Ok(rules)
}

async fn try_publish(gateway: &Arc<Gateway>, resource: &str, request: Request) -> Result<Answer, Problem> {
    let rules = admit(gateway, &request)?;
    let (token, endpoint) = request::place(resource)
        .ok_or_else(|| Problem::new(404, "there is no such resource: expected …/<provider>/<what>.json"))?;
    let identity = rules
        .identities
        .get(token)
        .ok_or_else(|| Problem::new(404, "there is no identity with that token"))?;
    let channel = endpoint.row.provider();
    let account = Account::find(&gateway.engine, channel, identity)?;
    let key = repeat_key(request.headers(), token)?;
    let body = read_body(request.into_body(), &gateway.settings.limits).await.map_err(|answer| {
        Problem::new(
            answer.status().as_u16(),
            "the request's body could not be read: it is too long, too slow, or broke off",
        )
    })?;
    let asked = Asked::read(&endpoint, &body)?;
    let message = mapping::message(&asked, &account, &rules.places)?;
    let errand = Errand {
        gateway: gateway.clone(),
        agent: identity.agent.clone(),
        queue: identity.queue.clone(),
        channel: channel.to_owned(),
        message,
        request_id: key.as_ref().map(Key::request_id),
        object: endpoint.row.root,
        provider: channel,
        wait: rules.wait,
    };
    // A task of its own: a client that goes away leaves nothing half done.
    let fingerprint = repeats::fingerprint(resource, &body);
    let done = tokio::spawn(async move {
        let Some(key) = key else { return errand.run().await };
        let entry = errand.gateway.pushes.repeats.entry(key, fingerprint)?;
        entry.run(&errand).await
    });
    done.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a push broke off");
        Err(Problem::new(409, "the push broke off: whether anything was published is not known"))
    })
}

/// What a client calls its request, so that it can repeat it.
fn repeat_key(headers: &HeaderMap, token: &str) -> Result<Option<Key>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=128).contains(&key.len()));
    let key =
        key.ok_or_else(|| Problem::new(400, "`Idempotency-Key` must have 1 to 128 plain characters"))?;
    Ok(Some(Key::new(token, key)))
}
