//! CRC-32 (IEEE 802.3): tells a record whose bytes changed on the disk.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The checksum of all parts, one behind the other.
pub(super) fn crc32_of(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// Gives a connection the function `strowger_sum(value, …)`: the checksum of a row's values, each with its
/// kind and length before it. What it gives for a row is for ever.
pub(super) fn install(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("strowger_sum", -1, flags, |context| Ok(i64::from(sum(context))))
}

fn sum(context: &Context<'_>) -> u32 {
    let mut bytes = Vec::new();
    for index in 0..context.len() {
        let (kind, value): (u8, &[u8]) = match context.get_raw(index) {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(number) => (1, &number.to_le_bytes()),
            ValueRef::Real(number) => (2, &number.to_le_bytes()),
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        bytes.push(kind);
        bytes.extend((value.len() as u64).to_le_bytes());
        bytes.extend(value);
    }
    crc32(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored files hold these numbers.
    #[test]
    fn the_sum_of_a_row_stays() {
        let connection = Connection::open_in_memory().unwrap();
        install(&connection).unwrap();
        let sum = |values: &str| -> i64 {
            connection.query_row(&format!("SELECT strowger_sum({values})"), [], |row| row.get(0)).unwrap()
        };
        assert_eq!(sum("'x', 7, NULL, x'00ff'"), SUM);
        assert_ne!(sum("'ab', 'c'"), sum("'a', 'bc'"));
        assert_ne!(sum("''"), sum("NULL"));
    }

    const SUM: i64 = 1_165_171_214;

    #[test]
    fn the_check_value_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32_of(&[b"123", b"", b"456789"]), 0xCBF4_3926);
    }

    /// Fails if several bytes at once give another sum than one by one.
    #[test]
    fn the_sum_does_not_depend_on_where_the_steps_begin() {
        let bytes: Vec<u8> = (0..100_u8).map(|byte| byte.wrapping_mul(37)).collect();
        let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
        for from in 0..16 {
            assert_eq!(crc32(&bytes[from..]), crc32_of(&one_by_one[from..]));
        }
    }
}
