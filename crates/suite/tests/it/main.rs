//! The suite proves itself: against the fake server without defects nothing fails, with each defect the right
//! requirement does, and foreign mail survives everything. All in memory, under a paused clock, but for what shells and
//! scripts see again.

mod between;
mod busy;
mod causes;
mod certificate;
mod correct;
mod credentials;
mod crowd;
mod defects;
mod deviations;
mod evidence;
mod foreign_mail;
mod hooks;
mod hostile;
mod laboratory;
mod liar;
mod lies;
mod locks;
mod lost_messages;
mod mechanisms;
mod pairs;
mod personas;
mod policies;
mod promises;
mod reading;
mod reproduce;
mod runner;
mod sentences;
mod transcripts;
