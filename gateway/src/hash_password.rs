//! `hash-password`: what stands in a configuration in place of a password.

use std::io::{self, IsTerminal};

use zeroize::Zeroizing;

use crate::auth::{PasswordHash, PasswordHashError};

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    #[error("the password could not be read: {0}")]
    Read(#[from] io::Error),
    #[error("the password is empty")]
    Empty,
    #[error("the two passwords differ")]
    Differ,
    #[error("{0}")]
    Hash(#[from] PasswordHashError),
}

/// Asks for a password where somebody types, reads a line elsewhere, and prints the hash.
pub(crate) fn run() -> Result<(), HashError> {
    let password = if io::stdin().is_terminal() { ask()? } else { read_line()? };
    if password.is_empty() {
        return Err(HashError::Empty);
    }
    println!("{}", PasswordHash::of(&password)?.to_text());
    Ok(())
}

fn ask() -> Result<Zeroizing<String>, HashError> {
    let password = Zeroizing::new(rpassword::prompt_password("Password: ")?);
    let again = Zeroizing::new(rpassword::prompt_password("Again: ")?);
    if password == again { Ok(password) } else { Err(HashError::Differ) }
}

fn read_line() -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}
