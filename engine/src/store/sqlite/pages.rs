//! Where the journal's text lies: rows of one size, each about a page of the file, written over in place.
//!
//! A row that is replaced by one of the same length changes its own page and nothing else: no page is taken from the
//! free ones, and none is given back. So a flush takes the text to the disk, and hardly more. Text goes on where it
//! ended, also in the middle of a row. When all of it is in the tables, a new generation begins in the first row: what
//! the others hold is of an earlier one then, and means nothing.
//!
//! A row is its head and its part of the text; what follows that, up to the row's length, is left over from earlier and
//! means nothing. The head guards itself; the text has its own checksums.

use rusqlite::blob::Blob;
use rusqlite::{Connection, MAIN_DB, params};

use super::checksum::crc32_of;
use super::failed;
use super::write::run;
use crate::store::StoreError;

/// A row's length. With what `SQLite` puts around it, it fills a page of 4 KiB.
const LENGTH: usize = 4_057;
const ROOM: usize = LENGTH - Head::LENGTH;
const FIRST: i64 = 1;

/// Where the text ends.
#[derive(Clone, Copy)]
pub(super) struct End {
    generation: u64,
    /// The row that it ends in.
    number: i64,
    used: usize,
    /// How many rows there are.
    rows: i64,
}

/// The text that was found.
pub(super) struct Found {
    pub(super) text: Vec<u8>,
    /// What is wrong with the rows: then something of the text may be missing.
    pub(super) problems: Vec<String>,
    generation: u64,
    rows: i64,
}

/// What a row begins with.
#[derive(Clone, Copy)]
struct Head {
    generation: u64,
    used: usize,
}

impl Default for End {
    fn default() -> Self {
        Self { generation: 1, number: FIRST, used: 0, rows: 0 }
    }
}

impl End {
    /// Writes a text behind what is there. Gives where it ends then.
    pub(super) fn append(self, connection: &Connection, text: &str) -> Result<Self, StoreError> {
        let (mut end, mut page) = (self, None);
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            if end.used == ROOM {
                (end.number, end.used) = (end.number + 1, 0);
            }
            let (now, later) = rest.split_at(rest.len().min(ROOM - end.used));
            end.write(connection, &mut page, now).map_err(failed)?;
            rest = later;
        }
        Ok(end)
    }

    /// Begins a new generation: all of the text is in the tables.
    pub(super) fn begin_anew(self, connection: &Connection) -> Result<Self, StoreError> {
        let mut end = Self { generation: self.generation + 1, number: FIRST, used: 0, ..self };
        end.write(connection, &mut None, &[]).map_err(failed)?;
        Ok(end)
    }

    /// The same, where nothing will follow soon: the rows are given back.
    pub(super) fn clear(connection: &Connection) -> Result<Self, StoreError> {
        run(connection, "DELETE FROM journal_page", [])?;
        Ok(Self::default())
    }

    /// Writes a text that has room there.
    fn write<'c>(
        &mut self,
        connection: &'c Connection,
        page: &mut Option<Blob<'c>>,
        text: &[u8],
    ) -> rusqlite::Result<()> {
        if self.number > self.rows {
            let query = "INSERT INTO journal_page (number, bytes) VALUES (?, ?)";
            connection.prepare_cached(query)?.execute(params![self.number, [0_u8; LENGTH]])?;
            self.rows = self.number;
        }
        let page = match page {
            Some(page) => {
                page.reopen(self.number)?;
                page
            }
            None => {
                page.insert(connection.blob_open(MAIN_DB, "journal_page", "bytes", self.number, false)?)
            }
        };
        page.write_all_at(text, Head::LENGTH + self.used)?;
        self.used += text.len();
        page.write_all_at(&Head { generation: self.generation, used: self.used }.bytes(self.number), 0)
    }
}

impl Head {
    /// A checksum, a generation and a length.
    const LENGTH: usize = 4 + 8 + 2;

    fn bytes(self, number: i64) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let used = u16::try_from(self.used).unwrap_or(u16::MAX);
        bytes[4..12].copy_from_slice(&self.generation.to_le_bytes());
        bytes[12..].copy_from_slice(&used.to_le_bytes());
        let checksum = crc32_of(&[&number.to_le_bytes(), &bytes[4..]]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The head of the row of this number, and the text in it; `None` if they are not as they were written.
    fn of(number: i64, row: &[u8]) -> Option<(Self, &[u8])> {
        let (bytes, text) = row.split_first_chunk::<{ Self::LENGTH }>()?;
        let generation = u64::from_le_bytes(*bytes[4..].first_chunk()?);
        let used = usize::from(u16::from_le_bytes(*bytes[12..].first_chunk()?));
        let head = Self { generation, used };
        (head.bytes(number) == *bytes && row.len() == LENGTH).then_some((head, text.get(..used)?))
    }
}

impl Found {
    /// Reads the rows. Those that are damaged are passed over.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare("SELECT number, bytes FROM journal_page ORDER BY number")?;
        let mut rows = statement.query([])?;
        let mut found = Self { text: Vec::new(), problems: Vec::new(), generation: 0, rows: 0 };
        // What the rows before say of this one: it must be there, and be of the present generation.
        let (mut next, mut goes_on) = (FIRST, true);
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            if number != next {
                found.problems.push(format!("there should be page {next}, there is page {number}"));
            }
            next = number.saturating_add(1);
            found.rows = number;
            let Some((head, text)) = row.get_ref(1)?.as_blob().ok().and_then(|row| Head::of(number, row))
            else {
                found.problems.push(format!("page {number} is damaged"));
                continue;
            };
            if head.generation > found.generation {
                if number != FIRST {
                    found.problems.push(format!("page {number} is of a later generation than the first"));
                }
                found.generation = head.generation;
            }
            if head.generation < found.generation {
                goes_on = false;
                continue;
            }
            if !goes_on {
                found.problems.push(format!("page {number} goes on where nothing ends"));
            }
            goes_on = head.used == ROOM;
            found.text.extend_from_slice(text);
        }
        Ok(found)
    }

    /// Where text may be written once what was found is in the tables, or if there is none.
    pub(super) fn end(&self) -> End {
        End { generation: self.generation.max(1), rows: self.rows, ..End::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE journal_page (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT";
        connection.execute_batch(table).unwrap();
        connection
    }

    fn text(from: usize, length: usize) -> String {
        (from..from + length).map(|at| char::from(b'a' + u8::try_from(at % 26).unwrap())).collect()
    }

    fn pages(connection: &Connection) -> Vec<Vec<u8>> {
        let mut pages = connection.prepare("SELECT bytes FROM journal_page ORDER BY number").unwrap();
        pages.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    /// Fails if a text is cut or doubled where a page ends, or if pages of an earlier generation are read with it.
    #[test]
    fn a_text_is_found_as_it_was_written() {
        let connection = table();
        for lengths in [&[1, ROOM - 1, 1][..], &[0, 3 * ROOM + 7, ROOM], &[2 * ROOM], &[5], &[]] {
            let mut written = String::new();
            // Whoever opens the file goes on likewise.
            let mut end = Found::read(&connection).unwrap().end();
            for &length in lengths {
                let more = text(written.len(), length);
                end = end.append(&connection, &more).unwrap();
                written.push_str(&more);
                let found = Found::read(&connection).unwrap();
                assert_eq!((found.problems.len(), &found.text[..]), (0, written.as_bytes()));
            }
            end.begin_anew(&connection).unwrap();
            let found = Found::read(&connection).unwrap();
            assert!(found.text.is_empty() && found.problems.is_empty(), "{lengths:?}");
        }
        assert_eq!(pages(&connection).len(), 5, "pages are written over");
        End::clear(&connection).unwrap();
        assert!(pages(&connection).is_empty());
    }

    /// A page that is replaced by one as long changes in its place.
    #[test]
    fn a_row_fits_a_page() {
        let connection = table();
        let end = End::default().append(&connection, &text(0, 20 * ROOM)).unwrap();
        let size = || connection.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap();
        let before = size();
        assert!(before <= 20 + 3, "{before} pages");
        end.begin_anew(&connection).unwrap().append(&connection, &text(7, 20 * ROOM)).unwrap();
        assert_eq!(size(), before);
    }

    /// Fails if a damaged head is passed over, if a page that is gone or an old one in the place of a new one is, or
    /// if pages may change their places.
    #[test]
    fn whatever_is_wrong_with_a_page_is_told() {
        let connection = table();
        let old = End::default().append(&connection, &text(0, 4 * ROOM)).unwrap();
        let old_pages = pages(&connection);
        let end = old.begin_anew(&connection).unwrap().append(&connection, &text(0, 2 * ROOM + 9)).unwrap();
        assert_eq!((end.number, end.rows), (3, 4));
        let sound = pages(&connection);
        let put = |number: usize, page: &[u8]| {
            let query = "INSERT OR REPLACE INTO journal_page VALUES (?, ?)";
            connection.execute(query, params![i64::try_from(number).unwrap(), page]).unwrap();
        };
        let problems = || Found::read(&connection).unwrap().problems;
        for number in 1..=4 {
            let page = &sound[number - 1];
            for at in 0..Head::LENGTH {
                let mut flipped = page.clone();
                flipped[at] ^= 1;
                put(number, &flipped);
                assert!(!problems().is_empty(), "byte {at} of page {number}");
            }
            put(number, &page[..LENGTH - 1]);
            assert!(!problems().is_empty(), "page {number} is too short");
            put(number, &sound[number % 4]);
            assert!(!problems().is_empty(), "page {number} is another one");
            connection.execute("DELETE FROM journal_page WHERE number = ?", [number.to_string()]).unwrap();
            assert_eq!(problems().is_empty(), number == 4, "page {number} is gone");
            put(number, page);
            if number < 3 {
                put(number, &old_pages[number - 1]);
                assert!(!problems().is_empty(), "page {number} is an old one");
                put(number, page);
            }
            assert_eq!(problems(), Vec::<String>::new());
        }
    }
}
