//! The upload of media: begun, sent in pieces, ended, processed, described.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Call, Problem, id_in_path, id_member, members, text_member};
use crate::http::Response;
use crate::{multipart, params};

/// The largest piece that is taken, in bytes.
const MAX_PIECE: usize = 5 << 20;
const MAX_SEGMENT: u32 = 999;
/// Uploads kept at once.
const MAX_UPLOADS: usize = 10_000;

/// Something that was uploaded, as `GET /_sandbox/media` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Media {
    /// The id that posts name it by.
    pub id: String,
    /// The account that uploaded it.
    pub account: String,
    /// Its type, as the uploader said.
    pub media_type: String,
    /// What it is for, as `tweet_image`.
    pub category: String,
    /// How long it is to be, in bytes.
    pub total_bytes: u64,
    /// The SHA-256 of all its bytes, in hex, once the upload was ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether posts can name it.
    pub ready: bool,
    /// What it shows, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
}

#[derive(Debug)]
struct Upload {
    media: Media,
    segments: BTreeMap<u32, Vec<u8>>,
    /// How often X will still say that it works on it.
    looks: u32,
}

/// The uploads, by id.
#[derive(Debug, Default)]
pub(crate) struct Uploads(HashMap<String, Upload>);

impl Uploads {
    /// All of them, oldest first: ids grow.
    pub(crate) fn list(&self) -> Vec<Media> {
        let mut list: Vec<Media> = self.0.values().map(|upload| upload.media.clone()).collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        list
    }
}

impl Call<'_> {
    /// Media that were uploaded here must be the account's own and done; other ids are taken on trust.
    pub(super) fn check_media(&self, ids: &[String]) -> Result<(), Problem> {
        for id in ids {
            let Some(upload) = self.state.uploads.0.get(id) else { continue };
            if upload.media.account != self.caller.id || !upload.media.ready {
                return Err(Problem::invalid(format!("the media {id} can not be used")));
            }
        }
        Ok(())
    }

    pub(super) fn begin_upload(&mut self) -> Result<Response, Problem> {
        let body =
            self.body(&["media_type", "total_bytes", "media_category", "additional_owners", "shared"])?;
        let required = |name: &str| {
            text_member(&body, name)?.ok_or_else(|| Problem::invalid(format!("`{name}` is required")))
        };
        let (media_type, category) = (required("media_type")?, required("media_category")?);
        let kind = category.trim_start_matches("tweet_").trim_start_matches("dm_").to_owned();
        let most = match (kind.as_str(), media_type.as_str()) {
            ("image", "image/jpeg" | "image/png" | "image/webp" | "image/bmp" | "image/tiff") => 5 << 20,
            ("gif", "image/gif") => 15 << 20,
            ("video", "video/mp4" | "video/webm" | "video/quicktime") => 512 << 20,
            _ => return Err(Problem::invalid("`media_type` does not fit `media_category`")),
        };
        let total_bytes = body.get("total_bytes").and_then(Value::as_u64).filter(|total| *total > 0);
        let total_bytes = total_bytes
            .filter(|total| *total <= most)
            .ok_or_else(|| Problem::invalid(format!("`total_bytes` must be a number from 1 to {most}")))?;
        if self.state.uploads.0.len() >= MAX_UPLOADS {
            return Err(Problem::new(507, "the sandbox is full; empty it with DELETE /_sandbox/posts"));
        }
        let id = self.state.next_id(self.now_ms).to_string();
        let account = self.caller.id.clone();
        let media = Media {
            id,
            account,
            media_type,
            category,
            total_bytes,
            sha256: None,
            ready: false,
            alt_text: None,
        };
        let answer = shown(&media, None);
        let looks = if kind == "image" { 0 } else { 2 };
        let upload = Upload { media, segments: BTreeMap::new(), looks };
        self.state.uploads.0.insert(upload.media.id.clone(), upload);
        Ok(answer)
    }

    pub(super) fn append_upload(&mut self, id: &str) -> Result<Response, Problem> {
        let (segment, bytes) = match self.request.media_type().as_str() {
            "multipart/form-data" => self.piece_of_form()?,
            "application/json" => self.piece_of_json()?,
            _ => return Err(Problem::invalid("the body must be multipart/form-data or application/json")),
        };
        if bytes.is_empty() || bytes.len() > MAX_PIECE || segment > MAX_SEGMENT {
            return Err(Problem::invalid("a piece has 1 byte to 5 MB, and a number from 0 to 999"));
        }
        let limits = &self.options.limits;
        self.state.reserve(bytes.len(), limits).map_err(|full| Problem::new(507, full.to_string()))?;
        let upload = self.upload(id)?;
        if upload.media.sha256.is_some() {
            return Err(Problem::invalid("the upload was ended"));
        }
        upload.segments.insert(segment, bytes);
        Ok(Response::json(200, &json!({ "data": { "expires_at": 4_102_444_800_i64 } })))
    }

    pub(super) fn finish_upload(&mut self, id: &str) -> Result<Response, Problem> {
        let upload = self.upload(id)?;
        let mut digest = Sha256::new();
        let mut length = 0;
        for (expected, (number, bytes)) in (0_u32..).zip(&upload.segments) {
            if *number != expected {
                return Err(Problem::invalid(format!("the piece {expected} is missing")));
            }
            digest.update(bytes);
            length += bytes.len() as u64;
        }
        if length != upload.media.total_bytes {
            let total = upload.media.total_bytes;
            return Err(Problem::invalid(format!("{length} bytes came, {total} were announced")));
        }
        upload.media.sha256 = Some(params::hex(&digest.finalize()));
        upload.segments.clear();
        upload.media.ready = upload.looks == 0;
        Ok(shown(&upload.media, (upload.looks > 0).then_some("pending")))
    }

    /// X works on a GIF or video for a while: each look brings it nearer to its end.
    pub(super) fn upload_status(&mut self) -> Result<Response, Problem> {
        let query = params::pairs(&self.request.query);
        let value =
            |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        if value("command").as_deref() != Some("STATUS") {
            return Err(Problem::invalid("`command` must be STATUS"));
        }
        let id = value("media_id").ok_or_else(|| Problem::invalid("`media_id` is required"))?;
        let upload = self.upload(&id)?;
        if upload.media.sha256.is_none() {
            return Err(Problem::invalid("the upload was not ended"));
        }
        upload.looks = upload.looks.saturating_sub(1);
        upload.media.ready = upload.looks == 0;
        Ok(shown(&upload.media, Some(if upload.looks > 0 { "in_progress" } else { "succeeded" })))
    }

    pub(super) fn describe_media(&mut self) -> Result<Response, Problem> {
        let body = self.body(&["id", "metadata"])?;
        let id = id_member(&body, "id")?.ok_or_else(|| Problem::invalid("`id` is required"))?;
        let metadata = members(&body["metadata"], "`metadata`", &["alt_text"])?;
        let alt_text = members(&metadata["alt_text"], "`alt_text`", &["text"])?;
        let text = text_member(&alt_text, "text")?.filter(|text| text.chars().count() <= 1000);
        let text = text.ok_or_else(|| Problem::invalid("`text` must have up to 1000 characters"))?;
        self.upload(&id)?.media.alt_text = Some(text.clone());
        let data = json!({ "id": id, "associated_metadata": { "alt_text": { "text": text } } });
        Ok(Response::json(200, &json!({ "data": data })))
    }

    fn upload(&mut self, id: &str) -> Result<&mut Upload, Problem> {
        let id = id_in_path(id)?;
        let caller = &self.caller.id;
        let upload = self.state.uploads.0.get_mut(&id).filter(|upload| upload.media.account == *caller);
        upload.ok_or_else(|| Problem::not_found("media", &id))
    }

    fn piece_of_json(&self) -> Result<(u32, Vec<u8>), Problem> {
        let body = self.body(&["media", "segment_index"])?;
        // Numbers as text are taken as well, as on the platform.
        let segment = match body.get("segment_index") {
            Some(Value::Number(number)) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        let segment = segment.ok_or_else(|| Problem::invalid("`segment_index` must be a number"))?;
        let media = text_member(&body, "media")?.and_then(|text| STANDARD.decode(text).ok());
        Ok((segment, media.ok_or_else(|| Problem::invalid("`media` must be base64"))?))
    }

    fn piece_of_form(&self) -> Result<(u32, Vec<u8>), Problem> {
        let wrong = || Problem::invalid("the form needs `segment_index`, a number, and `media`, a file");
        let parts = multipart::parts(self.request).ok_or_else(wrong)?;
        let part = |name: &str| parts.iter().find(|part| part.name == name).map(|part| part.bytes);
        let segment = part("segment_index").and_then(|bytes| str::from_utf8(bytes).ok()?.parse().ok());
        match (segment, part("media"), parts.len()) {
            (Some(segment), Some(media), 2) => Ok((segment, media.to_vec())),
            _ => Err(wrong()),
        }
    }
}

fn shown(media: &Media, state: Option<&str>) -> Response {
    let mut data = json!({ "id": media.id, "media_key": format!("3_{}", media.id), "expires_after_secs": 86_400,
                           "size": media.total_bytes });
    if let Some(state) = state {
        data["processing_info"] = json!({ "state": state });
        if state != "succeeded" {
            data["processing_info"]["check_after_secs"] = json!(1);
        }
    }
    Response::json(200, &json!({ "data": data }))
}
