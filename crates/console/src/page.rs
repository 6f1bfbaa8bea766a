//! The pages, as HTML. What they show is escaped by the templates; there is no way around it here.
//!
//! A page is a list of *regions*. The server sends a region again when it has changed, so each is
//! rendered by the same code at first and later on, and no number is formatted in the browser.
//!
//! Every number says where it comes from: `<data value=… data-of=…>`, with a JSON pointer into the JSON
//! that the same server gives.

mod chart;
mod figure;
mod frame;
mod happened;
mod jobs;
mod ledger;
mod overview;
mod panel;
mod pipeline;
mod refusal;
mod services;
mod sparkline;
mod tables;
mod topics;
mod verdict;

use maud::Markup;

pub(crate) use frame::{Frame, Links, Tab, Theme, frame, regions};
pub(crate) use refusal::refusal;

use crate::View;

/// A part of a page that is kept up to date as a whole.
pub(crate) struct Region {
    /// Its id in the page.
    pub(crate) id: &'static str,
    /// Its classes.
    pub(crate) class: &'static str,
    /// Its name for those who can't see it.
    pub(crate) label: &'static str,
    /// What is in it.
    pub(crate) content: Markup,
}

/// Which of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// Everything.
    Overview,
    /// The jobs.
    Jobs,
}

impl Page {
    /// Its title, with what is wrong where something is.
    pub(crate) fn title(self, view: &View) -> String {
        let name = match self {
            Self::Overview => "Overview",
            Self::Jobs => "Jobs",
        };
        let health = &view.overview.health;
        match health.is_ok() {
            true => format!("{name} · Minicluster"),
            false => format!("{}: {name} · Minicluster", health.level.name()),
        }
    }

    /// What it shows.
    pub(crate) fn regions(self, view: &View) -> Vec<Region> {
        match self {
            Self::Overview => overview::regions(view),
            Self::Jobs => jobs::regions(view),
        }
    }
}
