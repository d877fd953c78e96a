//! What a file is, by its first bytes: names and what senders say are not relied on.

/// How many bytes must be looked at.
pub(crate) const HEAD_BYTES: u64 = 64;

/// The media type of what begins so, if it is one that platforms take.
pub(crate) fn of(head: &[u8]) -> Option<&'static str> {
    let brand = || head.get(8..12).unwrap_or_default();
    match head {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'B', b'M', ..] if head.len() > 14 => Some("image/bmp"),
        _ if head.starts_with(b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        _ if head.starts_with(b"II*\0") || head.starts_with(b"MM\0*") => Some("image/tiff"),
        _ if head.starts_with(b"RIFF") && brand() == b"WEBP" => Some("image/webp"),
        _ if head.starts_with(b"\x1a\x45\xdf\xa3") && holds(head, b"webm") => Some("video/webm"),
        // ISO/IEC 14496-12: a box `ftyp` begins the file, and names the brand.
        _ if head.get(4..8) == Some(b"ftyp") => match brand() {
            b"qt  " => Some("video/quicktime"),
            b"avif" | b"avis" | b"heic" | b"heix" | b"mif1" => None,
            _ => Some("video/mp4"),
        },
        _ => None,
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        for (head, expected) in [
            (&b"\xff\xd8\xff\xe0"[..], Some("image/jpeg")),
            (b"GIF89a...", Some("image/gif")),
            (b"\x89PNG\r\n\x1a\n", Some("image/png")),
            (b"RIFF....WEBPVP8 ", Some("image/webp")),
            (b"RIFF....WAVEfmt ", None),
            (b"\0\0\0\x18ftypmp42", Some("video/mp4")),
            (b"\0\0\0\x14ftypqt  ", Some("video/quicktime")),
            (b"\0\0\0\x18ftypheic", None),
            (b"\x1a\x45\xdf\xa3....\x42\x82\x84webm", Some("video/webm")),
            (b"#!/bin/sh", None),
            (b"BM", None),
            (b"", None),
        ] {
            assert_eq!(of(head), expected, "{head:?}");
        }
    }
}
