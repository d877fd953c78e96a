//! CRC-32 (IEEE 802.3): tells a record whose bytes changed on the disk.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

/// How many bytes one step takes in.
const STEP: usize = 8;

/// What a byte does to the sum, and what it does with so many zero bytes behind it.
static TABLES: [[u32; 256]; STEP] = tables();

const fn tables() -> [[u32; 256]; STEP] {
    let mut tables = [[0; 256]; STEP];
    let mut index = 0_u32;
    while index < 256 {
        let (mut value, mut bit) = (index, 0);
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 };
            bit += 1;
        }
        tables[0][index as usize] = value;
        index += 1;
    }
    let mut behind = 1;
    while behind < STEP {
        let mut index = 0;
        while index < 256 {
            let before = tables[behind - 1][index];
            tables[behind][index] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            index += 1;
        }
        behind += 1;
    }
    tables
}

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    crc32_of(&[bytes])
}

/// The checksum of all parts, one behind the other.
pub(super) fn crc32_of(parts: &[&[u8]]) -> u32 {
    !parts.iter().fold(!0_u32, |crc, part| {
        let (steps, rest) = part.as_chunks::<STEP>();
        let crc = steps.iter().fold(crc, |crc, step| {
            let [a, b, c, d] = crc.to_le_bytes();
            let step =
                [a ^ step[0], b ^ step[1], c ^ step[2], d ^ step[3], step[4], step[5], step[6], step[7]];
            step.iter().zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
        });
        rest.iter().fold(crc, |crc, byte| {
            let index = (crc ^ u32::from(*byte)) & 0xFF;
            (crc >> 8) ^ TABLES[0][index as usize]
        })
    })
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

    /// Fails if a step of several bytes gives another sum than its bytes one by one.
    #[test]
    fn the_sum_does_not_depend_on_where_the_steps_begin() {
        let bytes: Vec<u8> = (0..100_u8).map(|byte| byte.wrapping_mul(37)).collect();
        let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
        for from in 0..2 * STEP {
            assert_eq!(crc32(&bytes[from..]), crc32_of(&one_by_one[from..]));
        }
    }
}
