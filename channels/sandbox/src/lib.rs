//! A local stand-in for the platforms that Strowger publishes to.
//!
//! One process, or one value in a test, answers as X API v2, the Facebook Graph API and OneAll do, remembers
//! what was published, and fails on request in the ways that networks and platforms fail. It is made for
//! whoever writes a channel plugin or a host: point the plugin's `base_url` at the sandbox, publish, break
//! things, then ask what really happened.
//!
//! # In a test
//!
//! ```
//! use strowger_sandbox::{Effect, Fault, Options, Sandbox};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start("127.0.0.1:0".parse()?, Options::default())?;
//! // The next tweet is published, but its answer never arrives.
//! sandbox.inject(Fault::new(Effect::CloseAfter).method("POST").path("/2/tweets"))?;
//! let base_url = format!("http://{}", sandbox.addr());
//! # let _ = base_url;
//! // … let the plugin publish to `base_url` …
//! assert!(sandbox.posts().is_empty(), "nothing was sent in this example");
//! # Ok(())
//! # }
//! ```
//!
//! Dropping the [`Sandbox`] closes its sockets and ends its threads before it returns.
//!
//! # As a program
//!
//! ```text
//! $ strowger-sandbox --listen 127.0.0.1:8400
//! strowger-sandbox listening on http://127.0.0.1:8400
//! $ curl -s http://127.0.0.1:8400/_sandbox/faults -d '{"path":"/2/tweets","fault":"slow","ms":2000}'
//! $ curl -s http://127.0.0.1:8400/_sandbox/posts
//! ```
//!
//! `strowger-sandbox --help` lists the flags, how it is used, the endpoints and the faults; `GET /_sandbox` shows
//! all but the flags as well. A test that wants to leave nothing out goes through [`endpoints`] and
//! [`fault_names`].
//!
//! # X API v2
//!
//! | request | what it does here |
//! |---|---|
//! | `POST /2/tweets` | publishes; 201 with `data.id` and `data.text`; unknown members are refused |
//! | `DELETE /2/tweets/{id}` | deletes one of the account's own posts |
//! | `GET /2/users/{id}/tweets` | the account's posts, newest first, in pages |
//! | `POST /2/users/{id}/retweets`, `DELETE …/retweets/{tweet}` | retweet, and back |
//! | `POST /2/users/{id}/likes`, `DELETE …/likes/{tweet}` | like, and back |
//! | `POST /2/users/{id}/following`, `DELETE …/following/{user}` | follow, and back |
//! | `GET /2/users/me` | the account that the credentials stand for |
//! | `POST /2/dm_conversations/with/{id}/messages` | a direct message |
//! | `GET /2/dm_conversations/with/{id}/dm_events` | what the account wrote to that person, newest first |
//! | `POST /2/media/upload/initialize`, `…/{id}/append`, `…/{id}/finalize` | upload in pieces, as a form or as JSON |
//! | `GET /2/media/upload?command=STATUS&media_id={id}` | whether a GIF or video is done: at the second look |
//! | `POST /2/media/metadata` | describe a picture |
//! | `POST /2/oauth2/token` | `grant_type=refresh_token`; each refresh token is good for one use |
//!
//! **Who is calling.** X requests do not name their account, so it is read from the credentials: the
//! mapping in [`Options::x_accounts`] first, then the digits before the `-` of an OAuth 1.0a token, else a
//! number derived from a hash of the token (stable, and not the token). In the last case the account named
//! in a path is believed, and a timeline shows the token's own posts under whatever user the path names, so
//! that reading back works without configuration; otherwise acting for another account than the
//! credentials' is refused with 403.
//!
//! **As on the platform**: ids are 19 digits and grow; times are whole seconds; `text` comes back with `&`,
//! `<` and `>` escaped and with addresses shortened; a text of more than 280 code points is cut in `text`
//! and whole in `note_tweet`; the same text of one account within [`Options::duplicate_window`] is refused
//! with 403; every answer carries `x-rate-limit-*`.
//!
//! **Not as on the platform**: text length is not checked, since counting as X does is the plugin's job and
//! a second opinion here would only be a second place to be wrong; posts that are replied to, quoted, liked
//! or retweeted need not exist, since customers' posts are made elsewhere; media ids that were not given out here
//! are taken on trust, and so is a refresh token's first use and whoever uses it.
//!
//! # Facebook Graph
//!
//! Paths start with a version (`/v26.0/…`, any version) or, as on Graph, without one.
//!
//! | request | what it does here |
//! |---|---|
//! | `POST /{page}/feed` | publishes; `{id}`, and what `fields` asks for |
//! | `GET /{page}/feed` | the page's published posts, newest first; `fields`, `since`, `until`, `limit`, cursors |
//! | `POST /{page}/photos` | a picture by its `url` or as the file `source`; with `published=false` to be attached later |
//! | `POST /{page}/videos`, `GET /{page}/videos` | a video by its `file_url` or as the file `source`; the page's videos, newest first |
//! | `POST /{object}/comments`, `GET /{object}/comments` | comment; list comments, oldest first |
//! | `POST /{object}/likes`, `DELETE /{object}/likes` | like, and back |
//! | `POST /{page}/messages` | a Messenger message, or one private reply per comment |
//! | `POST /{object}` | `is_hidden` or `message` of something made here |
//! | `GET /{object}`, `DELETE /{object}` | read or delete something made here |
//!
//! The token comes in `Authorization: Bearer`, or as `access_token` in the query or body; without one the
//! answer is error 190. With [`Options::facebook_app_secret`] set, `appsecret_proof` is required and
//! checked. The acting page of a comment is the token's ([`Options::facebook_accounts`]), else the page
//! that the object's id or its recorded post names, else a hash of the token.
//!
//! # OneAll
//!
//! All twenty `POST /push/identities/{token}/….json`, with HTTP Basic ([`Options::oneall_keys`]): bodies with
//! unknown or missing members are refused with 400, answers come in OneAll's envelope. What was pushed is listed
//! among the posts with the provider as its platform, and by the `GET /pull/identities/{token}/….json` of its
//! kind. Videos for X and YouTube are answered without an id, as work that goes on; nothing calls a
//! `callback_url`. A text that the identity tweeted a moment ago is refused by the status in `result`, with HTTP
//! 200.
//!
//! # Control
//!
//! | request | what it does |
//! |---|---|
//! | `GET /_sandbox` | help |
//! | `DELETE /_sandbox` | forget everything: posts, relations, limits, requests, faults |
//! | `GET /_sandbox/posts` | what was published, oldest first |
//! | `DELETE /_sandbox/posts` | forget posts, relations and used limits |
//! | `GET /_sandbox/media` | what was uploaded, oldest first |
//! | `GET /_sandbox/relations` | likes, follows and hidden comments that stand |
//! | `GET /_sandbox/requests`, `DELETE …` | the requests that arrived, credentials blotted out; forget them |
//! | `POST /_sandbox/faults` | arm a fault |
//! | `GET /_sandbox/faults`, `DELETE …` | the armed faults; disarm them |
//!
//! # Faults
//!
//! See [`Effect`] for what each does and whether the request is performed. A fault applies to the next
//! `times` requests that match its path and method, after `skip` of them went by unharmed; when several
//! match, the one armed first acts. Requests under `/_sandbox` are never harmed, with one exception:
//! `refuse` acts before anything is read, so it hits whatever connects next.
#![forbid(unsafe_code)]

mod control;
mod endpoints;
mod faults;
mod graph;
mod help;
mod http;
mod multipart;
mod oauth1;
mod oneall;
mod options;
mod params;
mod requests;
mod route;
mod sandbox;
mod server;
mod state;
mod x;

pub use endpoints::{Endpoint, endpoints};
pub use faults::{Answer, Effect, Fault, FaultError, fault_names};
pub use help::help;
pub use options::{Limits, OAuth1Secrets, Options, RateLimit};
pub use requests::Recorded;
pub use sandbox::Sandbox;
pub use state::{Kind, Platform, Post, Relation};
pub use x::Media;
