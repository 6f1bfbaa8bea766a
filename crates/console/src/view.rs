use std::sync::OnceLock;

use jiff::Timestamp;

use crate::history::History;
use crate::page::Page;
use crate::{Jobs, Overview};

/// Everything that the pages show at one moment.
#[derive(Debug)]
pub struct View {
    /// The platform.
    pub overview: Overview,
    /// The jobs.
    pub jobs: Jobs,
    pub(crate) history: History,
    overview_page: OnceLock<Rendered>,
    jobs_page: OnceLock<Rendered>,
}

/// The changing parts of a page, as HTML: made once a view, however many readers look on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) at: Timestamp,
    pub(crate) title: String,
    /// By id, in the order of the page.
    pub(crate) regions: Vec<(&'static str, String)>,
}

impl View {
    /// A view without a past: its charts of the last 15 minutes are empty.
    #[must_use]
    pub fn without_history(overview: Overview, jobs: Jobs) -> Self {
        Self::new(overview, jobs, History::default())
    }

    pub(crate) fn new(overview: Overview, jobs: Jobs, history: History) -> Self {
        Self {
            overview,
            jobs,
            history,
            overview_page: OnceLock::new(),
            jobs_page: OnceLock::new(),
        }
    }

    pub(crate) fn rendered(&self, page: Page) -> &Rendered {
        let rendered = match page {
            Page::Overview => &self.overview_page,
            Page::Jobs => &self.jobs_page,
        };
        rendered.get_or_init(|| {
            let regions = page.regions(self).into_iter();
            Rendered {
                at: self.overview.at,
                title: page.title(self),
                regions: regions
                    .map(|region| (region.id, region.content.into_string()))
                    .collect(),
            }
        })
    }
}
