//! Bodies of the type `multipart/form-data` (RFC 7578).

use crate::http::Request;

/// One part of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// The field's name.
    pub(crate) name: &'a str,
    /// Whether it is a file: whether it came with a file's name.
    pub(crate) is_file: bool,
    /// The media type that the sender gave.
    pub(crate) content_type: Option<&'a str>,
    pub(crate) bytes: &'a [u8],
}

/// The parts of a request's body. None if it is no form of parts.
pub(crate) fn parts(request: &Request) -> Option<Vec<Part<'_>>> {
    let header = request.header("content-type")?;
    let boundary = header.split("boundary=").nth(1)?.trim_matches('"');
    parts_between(&request.body, boundary)
}

fn parts_between<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(&delimiter.as_bytes()[2..])?;
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, delimiter.as_bytes())?;
        let head_end = find(&part[..end], b"\r\n\r\n")?;
        parts.push(part_of(str::from_utf8(&part[..head_end]).ok()?, &part[head_end + 4..end])?);
        rest = &part[end + delimiter.len()..];
    }
    rest.starts_with(b"--").then_some(parts)
}

fn part_of<'a>(head: &'a str, bytes: &'a [u8]) -> Option<Part<'a>> {
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let disposition = header("content-disposition")?;
    let quoted = |name: &str| {
        disposition
            .split(';')
            .find_map(|item| item.trim().strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
    };
    let (name, is_file) = (quoted("name")?, quoted("filename").is_some());
    Some(Part { name, is_file, content_type: header("content-type"), bytes })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_apart() {
        let body = b"--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\n\
            content-disposition: form-data; name=\"m\"; filename=\"f\"\r\nContent-Type: image/png\r\n\r\n\
            \r\n-\0\r\n--b--\r\n";
        let field = Part { name: "a", is_file: false, content_type: None, bytes: b"1" };
        let file = Part { name: "m", is_file: true, content_type: Some("image/png"), bytes: b"\r\n-\0" };
        assert_eq!(parts_between(body, "b").unwrap(), [field, file]);
        assert_eq!(parts_between(b"--b", "b"), None);
        assert_eq!(parts_between(b"--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1", "b"), None);
    }
}
