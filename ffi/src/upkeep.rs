//! What a program sees to now and then: ended interactions, and accounts that wait.

use crate::engine::strowger_engine;
use crate::entry::entry;
use crate::error::strowger_error;
use crate::raw;
use crate::status::{STROWGER_OK, strowger_status};
use crate::str::strowger_str;

/// Forgets ended interactions (Completed or Canceled) as the configuration's "retention" says. A few are
/// forgotten without it whenever one ends and in strowger_deliver(); a program whose agents rest at night
/// calls it then, until it gives 0.
///
/// Never forgotten is one with a delivery under way, and one that an unfinished one answers. A forgotten one
/// can't be read any more; contacts and last agents stay, and a webhook that comes again within 30 days makes
/// no second interaction.
///
/// @param engine the engine.
/// @param max how many interactions to forget at most; with a store on disk this call holds up commits as
///   long as it takes, a few milliseconds for a thousand.
/// @param pruned where the number of forgotten interactions is put; 0 if there was nothing to forget, or
///   everything is kept.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_STORE, STROWGER_ERR_INTERNAL if the store takes no changes, or one of
///   the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_prune(
    engine: *mut strowger_engine,
    max: u32,
    pruned: *mut u32,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let out = raw::out(call, pruned, "pruned")?;
        // At most `max`.
        out.set(u32::try_from(handle.engine.prune(max)?.interactions).unwrap_or(u32::MAX));
        Ok(STROWGER_OK)
    })
}

/// Goes on with an account that waits because the platform did not accept its credentials or wanted it left
/// alone. An account that waits does so after a restart as well: call this when its credentials have changed.
///
/// @param engine the engine.
/// @param channel the channel's name.
/// @param account the account's name. One that does not wait is left as it is.
/// @param error where an error is put; may be NULL.
/// @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_STORE, STROWGER_ERR_INTERNAL if the store
///   takes no changes (then it waits on), or one of the errors of every call.
/// @par Threads: any, several at once.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_account_resume(
    engine: *mut strowger_engine,
    channel: strowger_str,
    account: strowger_str,
    error: *mut *mut strowger_error,
) -> strowger_status {
    entry(error, |call| {
        let handle = raw::handle(call, engine, "engine")?;
        let (channel, account) = (channel.name(call, "channel")?, account.name(call, "account")?);
        handle.engine.resume_account(channel, account)?;
        Ok(STROWGER_OK)
    })
}
