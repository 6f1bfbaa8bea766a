use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Region;

/// Everything around a page.
pub(crate) struct Frame<'a> {
    /// The page's title.
    pub(crate) title: &'a str,
    /// The tab that it stands under.
    pub(crate) tab: Option<Tab>,
    /// Where the other pages are.
    pub(crate) links: &'a Links,
    /// The theme that the reader has chosen.
    pub(crate) theme: Theme,
    /// The time of what it shows; none: the page is not live.
    pub(crate) at: Option<Timestamp>,
    /// The version of minicluster.
    pub(crate) version: &'a str,
}

/// The pages of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    /// Everything.
    Overview,
    /// The jobs.
    Jobs,
}

/// Where pages are, as the reader reaches them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Links {
    /// The console.
    pub(crate) console: String,
    /// The jobs.
    pub(crate) jobs: String,
}

/// The colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the reader's system has it.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme in a `Cookie` header; as the system has it where there is none.
    pub(crate) fn from_cookies(cookies: &str) -> Self {
        let mut values = cookies
            .split(';')
            .filter_map(|cookie| cookie.trim().strip_prefix("theme="));
        match values.next() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::Auto,
        }
    }
}

const MARK: PreEscaped<&str> = PreEscaped(
    r#"<svg viewBox="0 0 24 24" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round"><path d="M3 6c7 0 10 6 18 6M3 12h18M3 18c7 0 10-6 18-6"/></g></svg>"#,
);

/// A whole page.
pub(crate) fn frame(frame: &Frame<'_>, main: &Markup) -> Markup {
    let Frame {
        title,
        tab,
        links,
        theme,
        at,
        version,
    } = frame;
    let current = |this: Tab| (*tab == Some(this)).then_some("page");
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(theme.name()) data-at=[at] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/console.css";
                @if at.is_some() {
                    script type="module" src="/assets/live.js" {}
                    noscript { meta http-equiv="refresh" content="5"; }
                }
                script type="module" src="/assets/theme.js" {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.bar {
                    a.mark href=(links.console) { (MARK) "Minicluster" }
                    nav.tabs aria-label="Pages" {
                        a href=(links.console) aria-current=[current(Tab::Overview)] { "Overview" }
                        a href=(links.jobs) aria-current=[current(Tab::Jobs)] { "Jobs" }
                    }
                    @if at.is_some() { p.contact id="contact" role="status" { "connecting" } }
                    button.theme type="button" data-theme-switch hidden aria-label="Change the theme" { "theme" }
                }
                main id="main" { (main) }
                footer {
                    span { "Minicluster " (version) }
                    a href={ (links.console) "api/overview" } { "JSON" }
                    a href={ (links.console) "metrics" } { "Metrics" }
                    a href={ (links.console) "healthz" } { "Health" }
                }
            }
        }
    }
}

/// The regions of a page, one after the other.
pub(crate) fn regions(regions: &[Region]) -> Markup {
    html! {
        @for region in regions {
            section id=(region.id) class=(region.class) aria-label=(region.label) { (region.content) }
        }
    }
}
