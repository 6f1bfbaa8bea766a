//! The commands, one file each.

pub(crate) mod broker;
pub(crate) mod brokers;
pub(crate) mod clean;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod consume;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod etl;
pub(crate) mod generate;
pub(crate) mod ledger;
pub(crate) mod logs;
pub(crate) mod produce;
pub(crate) mod restart;
pub(crate) mod signals;
pub(crate) mod sql;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod topics;
pub(crate) mod up;
