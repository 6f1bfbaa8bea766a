//! The console over HTTP, as a browser, a scraper and an intruder see it.

mod browser;
mod guard;
mod pages;
mod sample;
