//! Checks of RFC 1939, one file per section and command.

pub(crate) mod deliveries;
pub(crate) mod devices;
pub(crate) mod faults;
pub(crate) mod maildrop;
pub(crate) mod other_access;
pub(crate) mod restarts;
pub(crate) mod s3_autologout;
pub(crate) mod s3_blanks;
pub(crate) mod s3_commands;
pub(crate) mod s3_framing;
pub(crate) mod s3_greeting;
pub(crate) mod s3_keywords;
pub(crate) mod s3_numbers;
pub(crate) mod s4_lock;
pub(crate) mod s4_lock_effect;
mod s4_lock_holds;
pub(crate) mod s4_states;
pub(crate) mod s5_dele;
pub(crate) mod s5_fidelity;
pub(crate) mod s5_list;
pub(crate) mod s5_retr;
pub(crate) mod s5_stat;
mod s6_crowd;
pub(crate) mod s6_half_close;
pub(crate) mod s6_update;
pub(crate) mod s7_apop;
pub(crate) mod s7_apop_digests;
pub(crate) mod s7_top;
pub(crate) mod s7_uidl;
pub(crate) mod s7_user;
pub(crate) mod s8_policy;

use crate::check::sections;

sections! {
    s3_autologout, s3_blanks, s3_commands, s3_framing, s3_greeting, s3_keywords, s3_numbers, s4_lock, s4_lock_effect, s4_states, s5_dele, s5_fidelity,
    s5_list, s5_retr, s5_stat, s6_half_close, s6_update, s7_apop, s7_apop_digests, s7_top, s7_uidl, s7_user, s8_policy,
    deliveries, devices, faults, other_access, restarts,
}
