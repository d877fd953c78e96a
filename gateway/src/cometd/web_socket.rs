//! Messages in the frames of a WebSocket; notes go out at once.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::http::header::{CONNECTION, HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use strowger::{Refusal, StatusCode as Code};
use tokio::time::Instant;

use super::conversation::{Connect, Ending, Step, Transport, answer};
use super::message::{array, parse};
use super::session::{Session, Turn};
use crate::gateway::Gateway;
use crate::http::{Place, Visitor, refuse, refuse_as};

/// Takes a WebSocket up: for a logged-in agent, and, where a browser says whose page asks, for our own.
pub(crate) async fn web_socket(
    State(gateway): State<Arc<Gateway>>,
    Extension(visitor): Extension<Visitor>,
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response<Body> {
    let Ok(upgrade) = upgrade else {
        let refusal = Refusal::new(Code::Invalid, "expected a WebSocket's upgrade, or messages in a POST");
        let mut response = refuse_as(StatusCode::UPGRADE_REQUIRED, &refusal);
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        return response;
    };
    if !is_same_origin(&headers) {
        return refuse(&Refusal::new(Code::Forbidden, "the page of another origin asks for a WebSocket"));
    }
    let longest = gateway.settings.limits.body_bytes;
    upgrade
        .max_message_size(longest)
        .max_frame_size(longest)
        .on_upgrade(move |socket| async move {
            // Counts as a connection as long as it is open.
            let _place = place;
            Line { gateway, visitor, socket, connect: None, session: None, heard: Instant::now() }
                .converse()
                .await;
        })
        .into_response()
}

/// Browsers always send `Origin` with an upgrade, other clients need not.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let of_page = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let of_request = headers.get(HOST).and_then(|host| host.to_str().ok());
    of_page.is_some() && of_page == of_request
}

/// An open WebSocket.
struct Line {
    gateway: Arc<Gateway>,
    visitor: Visitor,
    socket: WebSocket,
    /// The connect that is held.
    connect: Option<Connect>,
    /// The session whose notes go out here: the one that connected here last.
    session: Option<Arc<Session>>,
    /// When the client said something.
    heard: Instant,
}

/// The line is to be closed.
struct Hangup(Option<CloseFrame>);

/// What happened on a line.
enum Event {
    Frame(Option<Result<Frame, axum::Error>>),
    Changed,
    Deadline,
    Silence,
    Stopping,
    LoggedOut,
}

/// How long a client may take to read a frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);

impl Line {
    async fn converse(mut self) {
        self.visitor.login.touch();
        loop {
            if let Err(Hangup(frame)) = self.turn().await {
                if let Some(frame) = frame {
                    let closing = self.socket.send(Frame::Close(Some(frame)));
                    // Whether the client still hears it makes no difference.
                    let _ = tokio::time::timeout(SEND_TIMEOUT, closing).await;
                }
                return;
            }
        }
    }

    /// Waits for something to happen, and deals with it.
    async fn turn(&mut self) -> Result<(), Hangup> {
        // Asked for first, so that no change is missed between the look and the wait.
        let changed = self.session.as_ref().map_or_else(Arc::default, |session| session.changed());
        let change = changed.notified();
        tokio::pin!(change);
        change.as_mut().enable();
        self.look().await?;

        let settings = &self.gateway.settings.cometd;
        let silence = settings.timeout + settings.interval + settings.max_interval;
        let deadline = self.connect.as_ref().map(|connect| connect.deadline);
        let mut logged_out = self.visitor.login.over();
        let event = tokio::select! {
            frame = self.socket.recv() => Event::Frame(frame),
            () = change => Event::Changed,
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                Event::Deadline
            }
            () = tokio::time::sleep_until(self.heard + silence), if deadline.is_none() => Event::Silence,
            () = self.gateway.stopping.wait() => Event::Stopping,
            _ = logged_out.wait_for(|&over| over) => Event::LoggedOut,
        };
        match event {
            Event::Frame(Some(Ok(frame))) => self.hear(frame).await,
            Event::Frame(Some(Err(error))) => {
                tracing::debug!(%error, "a frame could not be read");
                Err(hangup(close_code::PROTOCOL, "expected masked frames of text, not too long"))
            }
            Event::Frame(None) => Err(Hangup(None)),
            // The next turn looks.
            Event::Changed => Ok(()),
            Event::Deadline => self.finish(Ending::Timeout).await,
            Event::Silence => Err(hangup(close_code::POLICY, "nothing was heard for too long")),
            Event::Stopping => {
                self.finish(Ending::Stopping).await?;
                Err(hangup(close_code::AWAY, "the gateway stops"))
            }
            Event::LoggedOut => Err(hangup(close_code::POLICY, "the login session is over")),
        }
    }

    /// Says what there is to say.
    async fn look(&mut self) -> Result<(), Hangup> {
        let Some(session) = &self.session else { return Ok(()) };
        let acknowledges = session.acknowledges();
        let turn = match &self.connect {
            Some(connect) => connect.held.turn(),
            None if session.is_over() => Some(Turn::Over),
            None => None,
        };
        match turn {
            Some(Turn::Superseded) => {
                self.session = None;
                self.finish(Ending::Turn(Turn::Superseded)).await
            }
            Some(Turn::Over) => {
                self.session = None;
                self.finish(Ending::Turn(Turn::Over)).await
            }
            Some(Turn::Mail) if acknowledges => self.finish(Ending::Turn(Turn::Mail)).await,
            Some(Turn::Mail) => {
                let mail = session.take_mail();
                self.say(&array(mail.texts.iter().map(|text| &**text))).await
            }
            None => Ok(()),
        }
    }

    async fn hear(&mut self, frame: Frame) -> Result<(), Hangup> {
        self.heard = Instant::now();
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Ping(_) | Frame::Pong(_) => return Ok(()),
            Frame::Binary(_) => return Err(hangup(close_code::UNSUPPORTED, "expected text")),
            Frame::Close(_) => return Err(Hangup(None)),
        };
        let Ok(messages) = parse(text.as_bytes(), self.gateway.settings.cometd.batch) else {
            return Err(hangup(close_code::INVALID, "expected Bayeux messages"));
        };
        self.visitor.login.touch();
        let mut replies = Vec::new();
        for message in messages {
            match answer(&self.gateway, &self.visitor, Transport::WebSocket, message).await {
                Step::Reply(reply) => replies.push(reply.to_text()),
                Step::Hold(connect) => {
                    self.session = Some(connect.held.session().clone());
                    // One that was held already is superseded, and its client knows: it sent both.
                    self.connect = Some(connect);
                }
            }
        }
        if replies.is_empty() {
            return Ok(());
        }
        self.say(&array(replies.iter().map(String::as_str))).await
    }

    /// Answers the connect that is held.
    async fn finish(&mut self, ending: Ending) -> Result<(), Hangup> {
        let Some(connect) = self.connect.take() else { return Ok(()) };
        let (mail, reply) = connect.finish(&self.gateway, ending);
        let reply = reply.to_text();
        let texts = mail.texts.iter().map(|text| &**text).chain([reply.as_str()]);
        self.say(&array(texts)).await
    }

    async fn say(&mut self, text: &str) -> Result<(), Hangup> {
        let sending = self.socket.send(Frame::Text(text.into()));
        match tokio::time::timeout(SEND_TIMEOUT, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Hangup(None)),
        }
    }
}

fn hangup(code: u16, reason: &'static str) -> Hangup {
    Hangup(Some(CloseFrame { code, reason: reason.into() }))
}
